# SPDX-License-Identifier: Apache-2.0
"""The real-time core: facts in, effects out. No clock, no socket, no await, no chance."""
