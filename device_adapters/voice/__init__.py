# SPDX-License-Identifier: Apache-2.0
"""What callers on a trunk hear, and how they are heard: RTP in a process of its own."""
