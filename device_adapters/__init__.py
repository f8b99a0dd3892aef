# SPDX-License-Identifier: Apache-2.0
"""Each neighbour in a room of its own; each may import core and nothing else of ours."""
