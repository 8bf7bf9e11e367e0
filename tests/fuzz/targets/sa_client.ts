/** Fuzz target of MADs that the SA client receives while requests of every kind are pending. */

import { assert, assertEquals } from "@std/assert";
import { Errno } from "../../../src/base/errno.ts";
import { FakeFabric } from "../../../src/hca/fake.ts";
import {
  obstacleOfGroup,
  type RefusedJoin,
} from "../../../src/ipoib/multicast/join_obstacle.ts";
import { SaClient } from "../../../src/sa/client.ts";
import {
  broadcastJoin,
  groupJoin,
  groupLeave,
  membershipCheck,
} from "../../../src/sa/requests.ts";
import type { SaRequest, SaResult } from "../../../src/sa/result.ts";
import {
  gsiAddress,
  MAD_LENGTH,
  MadStatus,
  MadView,
  MgmtClass,
} from "../../../src/wire/mad.ts";
import { broadcastMgid } from "../../../src/wire/mgid.ts";
import {
  JoinState,
  McMemberRecord,
} from "../../../src/wire/sa/mc_member_record.ts";
import { gidOf } from "../../subnet/rig.ts";
import type { FuzzTarget } from "./target.ts";

const SM_LID = 1;
/** Offset of the last byte of the TransactionID. */
const TRANSACTION_END = 15;
const TURN_MS = 7;
/** Minimum number of pending requests. */
const PENDING = 4;
/** Byte of the input that says what the target does with a pending request. */
const CHOICE = 250;

/** The port and the request that the record in a response is compared with. */
const JOIN: RefusedJoin = {
  request: groupJoin(
    broadcastMgid(0xffff),
    gidOf(1),
    McMemberRecord.of({ pkey: 0xffff, mtu: 4, rate: 3 }),
  ),
  status: MadStatus.RequestInvalid,
  port: new FakeFabric().addPort().attributes,
  pkey: 0xffff,
};
const MAX_REASON_LENGTH = 600;

function explain(record: McMemberRecord): void {
  const reason = obstacleOfGroup(JOIN, record);
  assert(reason.length <= MAX_REASON_LENGTH, reason);
}

class Client {
  readonly sent: number[] = [];
  readonly client: SaClient;
  requested = 0;
  answered = 0;
  /** The last request, and whether it has completed. */
  #last: { request: SaRequest; over: boolean } | undefined;
  now = 1000;
  #due = Infinity;

  constructor() {
    this.client = new SaClient({
      agent: {
        send: (mad) => void this.sent.push(MadView.of(mad).transactionIdLow),
      },
      location: () => ({ smLid: SM_LID, smSl: 0, pkeyIndex: 0 }),
      active: () => true,
      wakeAt: (when) => this.#due = when,
    });
  }

  /** Number of pending requests. */
  get pending(): number {
    return this.requested - this.answered;
  }

  /** Advances the clock until no request is pending. */
  end(): void {
    while (this.#due < Infinity) this.client.tick(this.now = this.#due);
  }

  /** Starts a request. */
  request(): void {
    const last = { request: { cancel: () => {} } as SaRequest, over: false };
    this.requested++;
    this.#last = last;
    last.request = this.#start((result) => {
      assert(!last.over, "a request completes once");
      assert(result.ok || result.errno !== 0);
      last.over = true;
      this.answered++;
    });
  }

  /** Cancels the last request, or fails to send one, as the owner of the client does. */
  act(choice: number): void {
    const last = this.#last;
    if (choice >= 240 && last && !last.over) {
      last.request.cancel();
      last.over = true;
      this.answered++;
    } else if (choice >= 224) {
      this.client.onSendFailed(this.sent.at(-1)!, Errno.EIO);
    }
  }

  #start(done: (result: SaResult<unknown>) => void): SaRequest {
    const { client, now } = this;
    const gid = gidOf(1);
    const mgid = broadcastMgid(0xffff);
    switch (this.requested % 4) {
      case 1:
        return client.join(broadcastJoin(mgid, gid, 0xffff), now, done);
      case 2:
        return client.get(membershipCheck(mgid, gid), now, (result) => {
          if (result.ok) explain(result.record);
          done(result);
        });
      case 3: {
        const path = { sgid: gid, dgid: gidOf(2), pkey: 0xffff, tclass: 0 };
        return client.queryPath(path, now, done);
      }
      default:
        return client.leave(
          groupLeave(mgid, gid, JoinState.FullMember),
          now,
          done,
        );
    }
  }
}

export const saClientTarget: FuzzTarget = {
  name: "sa_answer",
  kind: "bytes",
  inputsPerSession: 2000,
  fullMutations: 1_000_000,
  open() {
    const state = new Client();
    return {
      run(input) {
        while (state.pending < PENDING) state.request();
        state.act(input[CHOICE] ?? 0);
        const mad = new Uint8Array(
          input.length < 24 ? input.length : MAD_LENGTH,
        );
        mad.set(input.subarray(0, mad.length));
        // The agent passes only MADs of its class.
        if (mad.length > 1) mad[1] = MgmtClass.SubnAdm;
        // Seven of eight inputs get the TransactionID of a recent request.
        if (mad.length === MAD_LENGTH && (mad[TRANSACTION_END]! & 7) !== 7) {
          const recent = state.sent.slice(-PENDING);
          const which = mad[TRANSACTION_END]! % recent.length;
          MadView.of(mad).transactionIdLow = recent[which]!;
        }
        const before = state.answered + state.sent.length;
        state.client.onMad(
          mad,
          gsiAddress(input.length % 16 === 15 ? 9 : SM_LID),
          state.now,
        );
        const accepted = state.answered + state.sent.length > before;
        state.now += TURN_MS;
        state.client.tick(state.now);
        if (state.sent.length > 64) state.sent.splice(0, 32);
        return accepted;
      },
      close() {
        state.end();
        assertEquals(
          state.answered,
          state.requested,
          "each request completes once",
        );
      },
    };
  },
};
