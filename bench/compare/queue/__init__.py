# SPDX-License-Identifier: Apache-2.0
"""Who is most urgent: our queue beside heapq and sortedcontainers."""
