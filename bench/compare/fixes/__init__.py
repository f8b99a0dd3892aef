# SPDX-License-Identifier: Apache-2.0
"""Which of many fixes a dispatcher is shown, and how wrong that is."""
