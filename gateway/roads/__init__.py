# SPDX-License-Identifier: Apache-2.0
"""Where road graphs come from: reading maps, building, keeping and showing them. Nothing here runs while calls ring."""
