# SPDX-License-Identifier: Apache-2.0
"""Units: who they are, what they are doing, where they are."""
