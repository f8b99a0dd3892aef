# SPDX-License-Identifier: Apache-2.0
"""A seeded city: callers who ring over SIP, units that report over MQTT."""
