# SPDX-License-Identifier: Apache-2.0
"""The track history: every fix of every unit, with what became of it, in Parquet files by day."""
