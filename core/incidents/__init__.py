# SPDX-License-Identifier: Apache-2.0
"""Incidents: opened by a call, located, ranked, ordered, closed."""
