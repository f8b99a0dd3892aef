# SPDX-License-Identifier: Apache-2.0
"""The gateway as an extension of a small PBX, by pyVoIP in a process of its own. See README.md."""
