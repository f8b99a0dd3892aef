# SPDX-License-Identifier: Apache-2.0
"""Call-backs: who hung up before the answer, and whether someone has spoken to them since."""
