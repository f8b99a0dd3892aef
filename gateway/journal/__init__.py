# SPDX-License-Identifier: Apache-2.0
"""The journal: every fact and the decisions it caused, on the disk before anything is promised."""
