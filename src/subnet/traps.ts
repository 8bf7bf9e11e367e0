/**
 * Subscriptions to traps 64 to 67 and the Reports that go out for them (IBTA vol. 1 13.4.8.2, 13.4.11;
 * matching as in OpenSM's osm_inform.c).
 *
 * A Report is repeated until its ReportResp comes or the retries are used up. Subscriptions end with the
 * port that made them.
 */

import type { Millis } from "../base/units.ts";
import { gidEquals } from "../wire/gid.ts";
import { Method } from "../wire/mad.ts";
import {
  INFORM_ANY,
  INFORM_ANY_PRODUCER,
  InformInfo,
} from "../wire/sa/inform_info.ts";
import { Notice } from "../wire/sa/notice.ts";
import {
  NO_RMPP,
  SA_CLASS_VERSION,
  SaAttribute,
  SaMad,
} from "../wire/sa/sa_mad.ts";
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
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #pending = new Map<bigint, PendingReport>();
  readonly #send: (port: SubnetPort, mad: Uint8Array) => void;
  #transaction = 0n;

  constructor(send: (port: SubnetPort, mad: Uint8Array) => void) {
    this.#send = send;
  }

  /** Subscribes a port, or cancels a subscription; false if there is none to cancel. */
  inform(port: SubnetPort, info: InformInfo): boolean {
    const key = subscriptionKey(port, info);
    if (!info.subscribe) return this.#subscriptions.delete(key);
    this.#subscriptions.set(key, { port, info });
    return true;
  }

  /** Ends everything of a port that is gone. */
  removePort(port: SubnetPort): void {
    for (const [key, subscription] of this.#subscriptions) {
      if (subscription.port === port) this.#subscriptions.delete(key);
    }
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
    for (const { port, info } of this.#subscriptions.values()) {
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

/** Two subscriptions are the same if all but QPN and RespTime agree: every port asks from its QP1. */
function subscriptionKey(port: SubnetPort, info: InformInfo): string {
  const octets = InformInfo.emit({
    ...info,
    subscribe: true,
    qpn: 0,
    respTime: 0,
  });
  return `${port.connection}/${octets.join()}`;
}

function matches(info: InformInfo, notice: Notice): boolean {
  if (info.gid.some((octet) => octet !== 0)) {
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
  return SaMad.emit({
    classVersion: SA_CLASS_VERSION,
    method: Method.Report,
    status: 0,
    transactionId,
    attributeId: SaAttribute.Notice,
    attributeModifier: 0,
    rmpp: NO_RMPP,
    smKey: 0n,
    attributeOffset: 0,
    componentMask: 0n,
    data: Notice.emit(notice),
  });
}
