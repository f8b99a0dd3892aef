# SPDX-License-Identifier: Apache-2.0
"""Orders: issued, delivered, signed, and what became of them."""
