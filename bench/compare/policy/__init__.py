# SPDX-License-Identifier: Apache-2.0
"""Suite `policy`: what it is worth to know the roads and to change one's mind."""
