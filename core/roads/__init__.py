# SPDX-License-Identifier: Apache-2.0
"""The roads: how long a unit needs from where it is to where it is wanted."""
