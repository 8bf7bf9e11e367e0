/**
 * Subscriptions to traps 64 to 67 and the Reports that go out for them (IBTA vol. 1 13.4.8.2, 13.4.11;
 * matching as in OpenSM's osm_inform.c).
 *
 * A Report is repeated until its ReportResp comes or the retries are used up. Subscriptions end with the
 * port that made them.
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

/** Time between two sends of a Report, and how often it is sent in all (OpenSM's transaction defaults). */
export const REPORT_TIMEOUT_MS = 200;
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

export class TrapForwarder {
  /** Latest first. */
  #subscriptions: Subscription[] = [];
  readonly #pending = new Map<bigint, PendingReport>();
  readonly #send: (port: SubnetPort, mad: Uint8Array) => void;
  #transaction = 0n;

  constructor(send: (port: SubnetPort, mad: Uint8Array) => void) {
    this.#send = send;
  }

  /**
   * Subscribes a port, or cancels a subscription; false if there is none to cancel. A subscription that is
   * like an earlier one replaces it (OpenSM's notion of alike: see {@linkcode alike}).
   */
  inform(port: SubnetPort, info: InformInfo): boolean {
    // Reports go to the QP that asks; who cancels has to name it.
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

  /** How many subscriptions a port has. */
  countOf(port: SubnetPort): number {
    return this.#subscriptions.filter((each) => each.port === port).length;
  }

  /** Ends everything of a port that is gone. */
  removePort(port: SubnetPort): void {
    this.#subscriptions = this.#subscriptions
      .filter((subscription) => subscription.port !== port);
    for (const [transaction, report] of this.#pending) {
      if (report.port === port) this.#pending.delete(transaction);
    }
  }

  /** Reports a notice to every subscriber that it matches and that `mayKnow`. */
  notify(
    notice: Notice,
    mayKnow: (port: SubnetPort) => boolean,
    now: Millis,
  ): void {
    const told = new Set<SubnetPort>();
    for (const { port, info } of this.#subscriptions.toReversed()) {
      if (told.has(port) || !matches(info, notice) || !mayKnow(port)) continue;
      told.add(port);
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

  /** A ReportResp came. */
  answered(port: SubnetPort, transactionId: bigint): void {
    if (this.#pending.get(transactionId)?.port === port) {
      this.#pending.delete(transactionId);
    }
  }

  /** Repeats what is due; returns when to call again, or Infinity. */
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

/** Is a request about this subscription? A GID that is asked for must be its own; without one the LID range must. */
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
