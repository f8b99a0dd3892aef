# SPDX-License-Identifier: Apache-2.0
"""How long the loop keeps a caller waiting while it has other work."""
