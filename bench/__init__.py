# SPDX-License-Identifier: Apache-2.0
"""Speed is a ratio to a named neighbour in the same run."""
