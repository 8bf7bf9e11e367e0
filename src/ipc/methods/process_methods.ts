/** Methods of the process of an interface: its options, its events and its end; captures and the doctor. */

import * as v from "valibot";
import { EVENT_KINDS } from "../../base/events.ts";
import {
  CAPTURE_EDGES,
  CaptureRecordSchema,
  MAX_CAPTURE_BYTES,
  MIN_CAPTURE_BYTES,
} from "../schema/capture_records.ts";
import { DoctorRecordSchema } from "../schema/doctor_record.ts";
import { EventRecordSchema } from "../schema/event_record.ts";
import { count, interfaceName, shortText, u32 } from "../schema/fields.ts";
import { UpgradeRecordSchema } from "../schema/upgrade_record.ts";
import {
  done,
  type MethodEntry,
  nothing,
  ofInterface,
} from "./method_entry.ts";

/** Selects events: those that have one of the `kinds`, are about interface `name` or its port, and are not older. */
const ofEvents = v.strictObject({
  name: v.exactOptional(interfaceName),
  kinds: v.exactOptional(v.array(v.picklist(EVENT_KINDS))),
  /** Milliseconds since 1970. */
  since: v.exactOptional(v.number()),
});

export const processMethods = {
  /** Returns the options of `ipoib up` for a parent, as text under their names on the command line. */
  "config.show": {
    runs: { interface: "process" },
    params: ofInterface,
    result: v.object({
      options: v.record(v.string(), v.string()),
      /** Size of the receive ring of a new interface, in packets. */
      recv_queue_size: u32,
    }),
  },
  /** Replies when the interface is running. */
  "wait": { runs: { interface: "process" }, params: ofInterface, result: done },
  /**
   * Deletes the interface. For a parent, the server replies first and closes the connection when the interface is gone.
   */
  "down": {
    runs: { interface: "process" },
    params: v.strictObject({ name: interfaceName }),
    result: done,
  },
  /** Prepares the process to hand all its interfaces to the process that `ipoib upgrade` starts. */
  "upgrade": {
    runs: { interface: "process" },
    params: nothing,
    result: UpgradeRecordSchema,
  },
  /** Returns the stored events, oldest first. */
  "events.show": {
    runs: { interface: "process", subnet: "process" },
    params: ofEvents,
    result: v.array(EventRecordSchema),
  },
  /** Sends the stored events since `since` if given, then each new event, until the client or the process ends. */
  "events.watch": {
    runs: { interface: "process", subnet: "process" },
    params: ofEvents,
    item: EventRecordSchema,
    result: done,
  },
  /** Starts a capture, which records when its client has connected. `bytes` is the capacity of the ring. */
  "capture.start": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: interfaceName,
      edges: v.picklist(CAPTURE_EDGES),
      bytes: v.exactOptional(
        v.pipe(
          count,
          v.minValue(MIN_CAPTURE_BYTES),
          v.maxValue(MAX_CAPTURE_BYTES),
        ),
      ),
    }),
    result: CaptureRecordSchema,
  },
  /**
   * Queries the subnet administrator, and asks the link for other users of the interface's addresses. Replies within four
   * seconds. `peer` is an IP address whose route is looked up.
   */
  "doctor": {
    runs: { interface: "worker" },
    params: v.strictObject({
      name: v.exactOptional(interfaceName),
      peer: v.exactOptional(shortText),
    }),
    result: DoctorRecordSchema,
  },
} as const satisfies Record<string, MethodEntry>;
