# SPDX-License-Identifier: Apache-2.0
"""What it costs to take in positions from a broker."""
