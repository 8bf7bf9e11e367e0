/**
 * Neighbour unreachability detection: Linux's neighbour states and timers, as a function of time and events.
 *
 * ```
 *           use            reply                 30 s             use            5 s           3 probes
 *  NONE ──────► INCOMPLETE ─────► REACHABLE ──────────► STALE ─────────► DELAY ────────► PROBE ─────────► FAILED
 *                  │ 3 requests                            ▲ heard            reply │ to REACHABLE
 *                  └────────► FAILED                        └── somebody's request told us the address
 * ```
 *
 * Sources: Linux net/core/neighbour.c and net/ipv4/arp.c behaviour; RFC 4861 section 7.3.
 */

import type { Millis } from "../../base/units.ts";
import { Arp } from "../constants.ts";

export const NudState = {
  None: 0,
  Incomplete: 1,
  Reachable: 2,
  Stale: 3,
  Delay: 4,
  Probe: 5,
  Failed: 6,
} as const;
export type NudState = typeof NudState[keyof typeof NudState];

/** Names as `ip neigh` prints them. */
export const nudNames = [
  "NONE",
  "INCOMPLETE",
  "REACHABLE",
  "STALE",
  "DELAY",
  "PROBE",
  "FAILED",
] as const;

/** What happened to a neighbour. */
export type NudEvent =
  /** A packet wants to go there. */
  | "use"
  /** It answered our request. */
  | "reply"
  /** It told its address by itself. */
  | "heard"
  /** Packets to it cannot be delivered. */
  | "lost"
  /** Its deadline passed. */
  | "timer";

/** What is to be done. */
export type NudAction = "none" | "broadcast" | "unicast" | "fail";

/** The part of a neighbour that the detection owns. */
export interface Nud {
  state: NudState;
  probes: number;
  /** When the timer event is due; Infinity for never. */
  deadline: Millis;
}

/** A fresh one. */
export function newNud(): Nud {
  return { state: NudState.None, probes: 0, deadline: Infinity };
}

/** True if an address of this state may be sent to. */
export function isUsable(state: NudState): boolean {
  return state >= NudState.Reachable && state <= NudState.Probe;
}

/**
 * Takes an event.
 *
 * @param random from 0 to 1: how long the neighbour counts as reachable varies from half to one and a half
 */
export function stepNud(
  nud: Nud,
  event: NudEvent,
  now: Millis,
  random: number,
): NudAction {
  switch (event) {
    case "reply":
      enter(
        nud,
        NudState.Reachable,
        now + Arp.BaseReachableMs * (0.5 + random),
      );
      return "none";
    case "heard":
      if (nud.state !== NudState.Reachable) {
        enter(nud, NudState.Stale, Infinity);
      }
      return "none";
    case "use":
      return onUse(nud, now);
    case "lost":
      if (!isUsable(nud.state)) return "none";
      return ask(nud, NudState.Incomplete, now);
    case "timer":
      return onTimer(nud, now);
  }
}

function onUse(nud: Nud, now: Millis): NudAction {
  if (nud.state === NudState.None || nud.state === NudState.Failed) {
    return ask(nud, NudState.Incomplete, now);
  }
  if (nud.state === NudState.Stale) {
    enter(nud, NudState.Delay, now + Arp.DelayProbeMs);
  }
  return "none";
}

function onTimer(nud: Nud, now: Millis): NudAction {
  switch (nud.state) {
    case NudState.Reachable:
      enter(nud, NudState.Stale, Infinity);
      return "none";
    case NudState.Delay:
      return ask(nud, NudState.Probe, now);
    case NudState.Probe:
      return nud.probes < Arp.UnicastProbes ? askAgain(nud, now) : fail(nud);
    case NudState.Incomplete:
      return nud.probes < Arp.BroadcastProbes ? askAgain(nud, now) : fail(nud);
    default:
      nud.deadline = Infinity;
      return "none";
  }
}

function ask(nud: Nud, state: NudState, now: Millis): NudAction {
  enter(nud, state, Infinity);
  return askAgain(nud, now);
}

function askAgain(nud: Nud, now: Millis): NudAction {
  nud.probes++;
  nud.deadline = now + Arp.RetransmitMs;
  return nud.state === NudState.Probe ? "unicast" : "broadcast";
}

function fail(nud: Nud): NudAction {
  enter(nud, NudState.Failed, Infinity);
  return "fail";
}

function enter(nud: Nud, state: NudState, deadline: Millis): void {
  nud.state = state;
  nud.probes = 0;
  nud.deadline = deadline;
}
