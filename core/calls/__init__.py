# SPDX-License-Identifier: Apache-2.0
"""Calls: ringing, answered, ended or abandoned."""
