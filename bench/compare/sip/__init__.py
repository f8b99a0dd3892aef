# SPDX-License-Identifier: Apache-2.0
"""Suite `sip`: what one call costs us and our neighbours, and how soon the caller hears something."""
