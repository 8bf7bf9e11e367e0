/**
 * Trap subscriptions, and the Reports that are sent to subscribers (IBTA vol. 1 13.4.8.2, 13.4.11; matching as in
 * OpenSM's osm_inform.c). The manager issues the traps 64 to 67.
 *
 * A Report is retransmitted until its ReportResp arrives, up to {@linkcode REPORT_SENDS} transmissions. The
 * subscriptions of a port are deleted with the port.
 */

import type { Millis } from "../base/units.ts";
import { gidEquals } from "../wire/gid.ts";
import { GSI_QPN, Method } from "../wire/mad.ts";
import {
  INFORM_ANY,
  INFORM_ANY_PRODUCER,
  InformInfo,
} from "../wire/sa/inform_info.ts";
import { Notice } from "../wire/sa/notice.ts";
import { SaAttribute, SaMad } from "../wire/sa/sa_mad.ts";
import { type SubnetPort } from "./ports.ts";

/** Interval between two transmissions of a Report (OpenSM's transaction default). */
export const REPORT_TIMEOUT_MS = 200;
/** Maximum number of transmissions of a Report (OpenSM's transaction default). */
export const REPORT_SENDS = 4;

interface Subscription {
  readonly port: SubnetPort;
  readonly info: InformInfo;
}

interface PendingReport {
  readonly port: SubnetPort;
  readonly mad: Uint8Array;
  sendsLeft: number;
  deadline: Millis;
}

/** The subscriptions and pending Reports of a subnet. */
export class TrapForwarder {
  /** Newest first. */
  #subscriptions: Subscription[] = [];
  readonly #pending = new Map<bigint, PendingReport>();
  readonly #send: (port: SubnetPort, mad: Uint8Array) => void;
  #transaction = 0n;

  constructor(send: (port: SubnetPort, mad: Uint8Array) => void) {
    this.#send = send;
  }

  /**
   * Adds a subscription of a port, replacing one that {@linkcode alike} matches, or cancels it if `info.subscribe` is
   * false. Returns false if there is no subscription to cancel.
   */
  inform(port: SubnetPort, info: InformInfo): boolean {
    // Reports go to QP1, whatever QPN the subscription has. A cancellation must have QPN 1.
    const asked = info.subscribe ? { ...info, qpn: GSI_QPN } : info;
    const index = this.#subscriptions.findIndex((subscription) =>
      subscription.port === port && alike(subscription.info, asked)
    );
    if (!info.subscribe) {
      return index >= 0 && this.#subscriptions.splice(index, 1).length > 0;
    }
    const subscription = { port, info: asked };
    if (index >= 0) this.#subscriptions[index] = subscription;
    else this.#subscriptions.unshift(subscription);
    return true;
  }

  /** Number of subscriptions of a port. */
  countOf(port: SubnetPort): number {
    return this.#subscriptions.filter((each) => each.port === port).length;
  }

  /** Deletes the subscriptions and pending Reports of a port. */
  removePort(port: SubnetPort): void {
    this.#subscriptions = this.#subscriptions
      .filter((subscription) => subscription.port !== port);
    for (const [transaction, report] of this.#pending) {
      if (report.port === port) this.#pending.delete(transaction);
    }
  }

  /** Sends one Report of the notice to each port that has a matching subscription and that is `permitted` to get it. */
  notify(
    notice: Notice,
    permitted: (port: SubnetPort) => boolean,
    now: Millis,
  ): void {
    const notified = new Set<SubnetPort>();
    for (const { port, info } of this.#subscriptions.toReversed()) {
      if (notified.has(port) || !matches(info, notice) || !permitted(port)) {
        continue;
      }
      notified.add(port);
      const transactionId = ++this.#transaction;
      const mad = reportMad(transactionId, notice);
      this.#pending.set(transactionId, {
        port,
        mad,
        sendsLeft: REPORT_SENDS - 1,
        deadline: now + REPORT_TIMEOUT_MS,
      });
      this.#send(port, mad);
    }
  }

  /** Handles a ReportResp: stops retransmission of its Report. */
  answered(port: SubnetPort, transactionId: bigint): void {
    if (this.#pending.get(transactionId)?.port === port) {
      this.#pending.delete(transactionId);
    }
  }

  /** Retransmits Reports that are due. Returns the time of the next call, Infinity if no Report is pending. */
  tick(now: Millis): Millis {
    let next = Infinity;
    for (const [transaction, report] of this.#pending) {
      if (report.deadline <= now) {
        if (report.sendsLeft === 0) {
          this.#pending.delete(transaction);
          continue;
        }
        report.sendsLeft--;
        report.deadline = now + REPORT_TIMEOUT_MS;
        this.#send(report.port, report.mad);
      }
      next = Math.min(next, report.deadline);
    }
    return next;
  }
}

/** True if a request names this subscription. As in OpenSM, compares the GID if the request has one, else the LIDs. */
function alike(info: InformInfo, asked: InformInfo): boolean {
  const place = asked.gid.some((byte) => byte !== 0)
    ? gidEquals(info.gid, asked.gid)
    : info.lidRangeBegin === asked.lidRangeBegin &&
      info.lidRangeEnd === asked.lidRangeEnd;
  return place && info.isGeneric === asked.isGeneric &&
    info.type === asked.type && info.trapNumber === asked.trapNumber &&
    info.qpn === asked.qpn && info.respTime === asked.respTime &&
    info.producerType === asked.producerType;
}

function matches(info: InformInfo, notice: Notice): boolean {
  if (info.gid.some((byte) => byte !== 0)) {
    if (!gidEquals(info.gid, notice.issuerGid)) return false;
  } else if (info.lidRangeBegin !== INFORM_ANY) {
    const end = info.lidRangeEnd || info.lidRangeBegin;
    if (notice.issuerLid < info.lidRangeBegin || notice.issuerLid > end) {
      return false;
    }
  }
  return info.isGeneric === notice.isGeneric &&
    (info.type === INFORM_ANY || info.type === notice.type) &&
    (info.trapNumber === INFORM_ANY ||
      info.trapNumber === notice.trapNumber) &&
    (info.producerType === INFORM_ANY_PRODUCER ||
      info.producerType === notice.producerType);
}

function reportMad(transactionId: bigint, notice: Notice): Uint8Array {
  return SaMad.emit(SaMad.of({
    method: Method.Report,
    transactionId,
    attributeId: SaAttribute.Notice,
    data: Notice.emit(notice),
  }));
}
