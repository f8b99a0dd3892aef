# SPDX-License-Identifier: Apache-2.0
"""The calls of a worker: what the PBX says of them, and what the gateway orders."""

from collections import Counter, deque
from collections.abc import Callable
from secrets import token_hex

import msgspec

from core.ids import Leg
from device_adapters.pyvoip import legible, media, wire
from device_adapters.pyvoip.guest import GuestCall, GuestPhone
from device_adapters.pyvoip.legible import Legible
from device_adapters.pyvoip.outbox import Address, Outbox
from device_adapters.pyvoip.room import Room

RING_REPEAT_S = 60.0  # RFC 3261 13.3.1.1
LOUD_FRAMES_MIN = 5  # 100 ms above the line's noise are somebody (guess)


class Talk(msgspec.Struct, eq=False):
    """One call."""

    leg: Leg
    "Our To tag, too."
    invite: Legible
    came_from: Address
    voice: media.Voice
    guest: GuestCall
    session: int
    "Our SDP's version: one more for each new answer (RFC 3264 8)."
    rung_at: float = 0.0
    answered_at: float = 0.0
    "0 while it rings."
    silent_told: bool = False
    frame: int = 0
    "Frames of the announcement's turn that have passed."
    asking: deque[bytes] = msgspec.field(default_factory=deque)
    "Frames that go before it."

    @property
    def is_ringing(self) -> bool:
        """Whether nobody has answered it."""
        return self.answered_at == 0.0


class Calls:
    """The table of calls, by leg and by Call-ID."""

    def __init__(
        self, phone: GuestPhone, outbox: Outbox, room: Room, host: str, counters: Counter[str],
        tell: Callable[[wire.Message], None],
    ) -> None:  # fmt: skip
        self._phone = phone
        self._outbox = outbox
        self._room = room
        self._host = host
        self._counters = counters
        self._tell = tell
        self._by_leg: dict[Leg, Talk] = {}
        self._by_call_id: dict[str, Talk] = {}
        self.is_draining = False
        self.talking: list[Talk] = []
        "Those answered."
        self.opened: Callable[[Talk], None] = lambda talk: None
        self.closed: Callable[[Talk], None] = lambda talk: None

    def __len__(self) -> int:
        return len(self._by_leg)

    # What the PBX says

    def requested(self, message: Legible, raw: bytes, came_from: Address, now: float) -> None:
        """Take a request. Raises GuestFaultError when the guest cannot read an INVITE."""
        talk = self._by_call_id.get(message.call_id)
        if message.method == "ACK":
            self._confirmed(message, talk)
        elif self._outbox.is_repeated(message):
            return
        elif message.method == "INVITE":
            self._invited(message, raw, talk, came_from, now)
        elif message.method == "CANCEL":
            self._cancelled(message, talk, came_from, now)
        elif message.method == "BYE":
            self._left(message, talk, came_from, now)
        elif message.method == "OPTIONS":
            self._counters["options"] += 1
            self._outbox.say(message, 200, came_from, now)
        elif message.method == "INFO" and talk is not None and message.to_tag == talk.leg:
            self._outbox.say(message, 200, came_from, now)
            self.keyed(talk, legible.key_in(message.body))
        else:
            self._counters["requests_other"] += 1
            self._outbox.say(message, 405, came_from, now)

    def keyed(self, talk: Talk, key: str) -> None:
        """Tell of a key."""
        if key and not talk.is_ringing:
            self._counters["keys"] += 1
            self._tell(wire.Keyed(leg=talk.leg, key=key))

    def unconfirmed(self, call_id: str, now: float) -> None:
        """Nobody sent an ACK for our final answer (13.3.1.4)."""
        self._counters["no_ack"] += 1
        talk = self._by_call_id.get(call_id)
        if talk is not None and not talk.is_ringing:
            self._hang_up(talk, "no_ack", now)

    def _invited(
        self, invite: Legible, raw: bytes, talk: Talk | None, came_from: Address, now: float
    ) -> None:
        if talk is not None and invite.to_tag == talk.leg:
            self._offered_again(invite, talk, came_from, now)
        elif talk is not None or invite.to_tag:  # merged (8.2.2.2), or of a call nobody knows
            self._counters["merged" if talk else "unknown_dialog"] += 1
            self._outbox.say(invite, 482 if talk else 481, came_from, now)
        elif self.is_draining:
            self._counters["refused_draining"] += 1
            self._outbox.say(invite, 480, came_from, now)
        elif why := self._room.refusal(len(self), now):
            self._counters[why] += 1
            self._outbox.say(invite, 486, came_from, now)
        else:
            self._take(invite, raw, came_from, now)

    def _take(self, invite: Legible, raw: bytes, came_from: Address, now: float) -> None:
        sdp = legible.session(invite).strip()
        try:
            voice = media.voice(sdp) if sdp else media.offer()
        except media.NothingInCommonError:
            self._counters["refused_media"] += 1
            self._outbox.say(invite, 488, came_from, now)
            return
        guest = self._phone.call(invite, voice)
        session = int(token_hex(4), 16)
        talk = Talk(Leg(f"pbx-{token_hex(8)}"), invite, came_from, voice, guest, session)
        self._by_leg[talk.leg] = self._by_call_id[invite.call_id] = talk
        self._counters["calls_taken"] += 1
        number, name = legible.caller(invite)
        self._tell(  # before 100: when this process dies here the INVITE comes again
            wire.Came(
                leg=talk.leg,
                sip_call_id=invite.call_id,
                caller=number,
                called=legible.user(invite.first("to")) or legible.user(invite.uri),
                display_name=name,
                privacy=legible.is_private(invite),
                diverted_from=legible.user(invite.first("diversion")),
                peer=f"{came_from[0]}:{came_from[1]}",
                raw=raw,
            )
        )
        self._outbox.say(invite, 100, came_from, now)

    def _offered_again(self, invite: Legible, talk: Talk, came_from: Address, now: float) -> None:
        """A hold, its end, or a PBX's refresh; pyVoIP binds the port a second time and fails."""
        sdp = legible.session(invite).strip()
        try:
            voice = media.voice(sdp) if sdp else talk.voice
        except media.NothingInCommonError:
            self._outbox.say(invite, 488, came_from, now)
            return
        self._counters["reoffered"] += 1
        talk.came_from = came_from
        talk.session += 1
        self._send_voice_to(talk, voice)
        self._say_200(talk, invite, now)

    def _cancelled(self, cancel: Legible, talk: Talk | None, came_from: Address, now: float) -> None:
        """The caller hung up: pyVoIP says 200, rings on, and answers the dead call (9.2)."""
        if talk is None or talk.invite.number != cancel.number:
            self._outbox.say(cancel, 481, came_from, now)
            return
        self._outbox.say(cancel, 200, came_from, now, leg=talk.leg)
        if talk.is_ringing:
            self._give_up(talk, "cancel", now)

    def _left(self, message: Legible, talk: Talk | None, came_from: Address, now: float) -> None:
        if talk is None or message.to_tag != talk.leg:
            self._outbox.say(message, 481, came_from, now)
            return
        self._outbox.say(message, 200, came_from, now, leg=talk.leg)
        if talk.is_ringing:
            self._give_up(talk, "bye", now)
        else:
            self._over(talk, wire.Ended(leg=talk.leg, reason="bye"))

    def _give_up(self, talk: Talk, reason: str, now: float) -> None:
        self._outbox.say(talk.invite, 487, talk.came_from, now, leg=talk.leg)
        self._over(talk, wire.Abandoned(leg=talk.leg, reason=reason))

    def _confirmed(self, ack: Legible, talk: Talk | None) -> None:
        self._outbox.settle(("ack", ack.call_id, ack.number))
        sdp = legible.session(ack).strip()
        if talk is None or talk.is_ringing or not sdp:
            return
        try:
            self._send_voice_to(talk, media.voice(sdp))
        except media.NothingInCommonError:
            self._counters["refused_media"] += 1

    # What the gateway orders

    def obey(self, order: wire.Ring | wire.Queue | wire.Answer | wire.HangUp, now: float) -> None:
        """Do it, if the leg is still there and it is its turn."""
        talk = self._by_leg.get(order.leg)
        match order:
            case wire.HangUp() if talk is not None:
                self._hang_up(talk, "hung_up", now)
            case wire.Ring() if talk is not None and talk.is_ringing:
                talk.rung_at = now
                self._outbox.say(talk.invite, 180, talk.came_from, now, leg=talk.leg)
            case wire.Queue(position=position) if talk is not None and talk.is_ringing:
                reason = f"Queued; position {position}"
                self._outbox.say(talk.invite, 182, talk.came_from, now, leg=talk.leg, reason=reason)
            case wire.Answer() if talk is not None and talk.is_ringing:
                self._answer(talk, now)
            case _:
                self._counters["commands_late"] += 1

    def challenge(self, leg: Leg, frames: Callable[[Talk], tuple[bytes, ...]]) -> None:
        """Play what asks for a key, before anything else."""
        talk = self._by_leg.get(leg)
        if talk is None or talk.is_ringing:
            self._counters["commands_late"] += 1
        else:
            talk.asking.extend(frames(talk))

    def hang_up_all(self, now: float) -> None:
        """End every call: BYE, or 480."""
        for talk in list(self._by_leg.values()):
            self._hang_up(talk, "hung_up", now, refusal=480)

    def bury(self, dead: wire.Bury, to: Address, now: float) -> None:
        """Tell the far side of a dead worker's call, so that nobody listens to a line without an end."""
        try:
            invite = legible.read(dead.raw)
        except legible.UnreadableError:
            return
        if dead.answered:
            self._outbox.say_bye(invite, dead.leg, to, now)
        elif invite.call_id not in self._by_call_id:  # else it came again, and is a call of ours
            self._outbox.say(invite, 480, to, now, leg=dead.leg)
        self._counters["buried"] += 1

    def look(self, now: float, silent_s: float) -> None:
        """Ring again where it is time; tell of lines on which nobody is heard (`silent_s` 0: never)."""
        for talk in self._by_leg.values():
            if talk.is_ringing:
                if talk.rung_at and now - talk.rung_at >= RING_REPEAT_S:
                    talk.rung_at = now
                    self._outbox.say(talk.invite, 180, talk.came_from, now, leg=talk.leg)
            elif silent_s and not talk.silent_told and now - talk.answered_at >= silent_s:
                talk.silent_told = True  # asked once: who was heard by now is somebody
                if talk.guest.loud_frames < LOUD_FRAMES_MIN:
                    self._counters["silent"] += 1
                    self._tell(wire.Silent(leg=talk.leg))

    def _answer(self, talk: Talk, now: float) -> None:
        self._send_voice_to(talk, talk.voice)
        try:
            self.opened(talk)
        except OSError:  # NoPortError, or this process may open nothing more
            self._counters["ports_none"] += 1
            self._hang_up(talk, "refused", now, refusal=500)
            return
        talk.answered_at = now
        self.talking.append(talk)
        self._say_200(talk, talk.invite, now)
        self._tell(wire.Answered(leg=talk.leg))

    def _say_200(self, talk: Talk, invite: Legible, now: float) -> None:
        body = media.answer(talk.voice, self._host, talk.guest.port, talk.session)
        self._outbox.say(invite, 200, talk.came_from, now, leg=talk.leg, body=body)

    def _send_voice_to(self, talk: Talk, voice: media.Voice) -> None:
        talk.voice = voice
        talk.guest.send_to(voice.address, voice.port if voice.hears_us else 0)

    def _hang_up(self, talk: Talk, reason: str, now: float, *, refusal: int = 486) -> None:
        if talk.is_ringing:
            self._outbox.say(talk.invite, refusal, talk.came_from, now, leg=talk.leg)
            self._over(talk, wire.Ended(leg=talk.leg, reason="refused"))
        else:
            self._outbox.settle(("ack", talk.invite.call_id, talk.invite.number))
            self._outbox.say_bye(talk.invite, talk.leg, talk.came_from, now)
            self._over(talk, wire.Ended(leg=talk.leg, reason=reason))

    def _over(self, talk: Talk, told: wire.Message) -> None:
        if not talk.is_ringing:
            self._outbox.settle(("ack", talk.invite.call_id, talk.invite.number))
            self.talking.remove(talk)
            self.closed(talk)
        talk.guest.close()
        del self._by_leg[talk.leg], self._by_call_id[talk.invite.call_id]
        self._tell(told)
