# SPDX-License-Identifier: Apache-2.0
"""Who goes to whom: our assignment beside the solvers others use."""
