# SPDX-License-Identifier: Apache-2.0
"""Those who may know who calls and from where, asked beside the call."""
