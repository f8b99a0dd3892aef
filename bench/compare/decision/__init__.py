# SPDX-License-Identifier: Apache-2.0
"""One whole decision: who is next, who can go, how long each needs by road, and the answer as JSON."""
