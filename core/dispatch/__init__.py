# SPDX-License-Identifier: Apache-2.0
"""Who must wait for whom, and who can be there first: the Python face of the kernels."""
