# SPDX-License-Identifier: Apache-2.0
"""A seeded city: callers, patrol cars and a desk, for the demo, the tests and the load harness.

Everything here is invented. It speaks to the gateway only through the published contract (SIP, MQTT, Redis)
and shares no protocol code with the gateway's own adapters, so that it is also an independent check of them.
"""
