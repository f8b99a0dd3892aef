# SPDX-License-Identifier: Apache-2.0
"""A SIP user agent server without I/O, and the thin files that do the I/O."""
