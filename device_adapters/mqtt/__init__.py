# SPDX-License-Identifier: Apache-2.0
"""Radios and vehicles over MQTT."""
