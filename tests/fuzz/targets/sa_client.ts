/** Answers and reports that reach the client of the subnet administrator, with requests of every kind under way. */

import { assert, assertEquals } from "@std/assert";
import { SaClient } from "../../../src/sa/client.ts";
import { broadcastJoin } from "../../../src/sa/requests.ts";
import type { SaResult } from "../../../src/sa/result.ts";
import {
  GSI_QKEY,
  GSI_QPN,
  MAD_LENGTH,
  MgmtClass,
} from "../../../src/wire/mad.ts";
import { broadcastMgid } from "../../../src/wire/mgid.ts";
import { gidOf } from "../../subnet/rig.ts";
import type { FuzzTarget } from "./target.ts";

const SM_LID = 1;
const TRANSACTION_LOW = 12;
const TURN_MS = 7;
/** Requests that are under way at least. */
const PENDING = 4;

class Client {
  readonly sent: number[] = [];
  readonly client: SaClient;
  asked = 0;
  answered = 0;
  now = 1000;

  constructor() {
    this.client = new SaClient({
      agent: {
        send: (mad) => {
          const view = new DataView(mad.buffer, mad.byteOffset);
          this.sent.push(view.getUint32(TRANSACTION_LOW));
        },
      },
      location: () => ({ smLid: SM_LID, smSl: 0, pkeyIndex: 0 }),
    });
  }

  ask(): void {
    const { client, now } = this;
    const done = (_result: SaResult<unknown>) => void this.answered++;
    const gid = gidOf(1);
    this.asked++;
    switch (this.asked % 3) {
      case 0:
        client.queryPath(
          { sgid: gid, dgid: gidOf(2), pkey: 0xffff, tclass: 0 },
          now,
          done,
        );
        return;
      case 1:
        client.join(
          broadcastJoin(broadcastMgid(0xffff), gid, 0xffff),
          now,
          done,
        );
        return;
      default:
        client.listGroups({}, 0n, now, done);
    }
  }
}

export const saClientTarget: FuzzTarget = {
  name: "sa_answer",
  kind: "bytes",
  inputsPerSession: 2000,
  open() {
    const state = new Client();
    return {
      run(input) {
        while (state.client.pending < PENDING) state.ask();
        const mad = new Uint8Array(
          input.length < 24 ? input.length : MAD_LENGTH,
        );
        mad.set(input.subarray(0, mad.length));
        const view = new DataView(mad.buffer);
        // The agent hands up no other class.
        if (mad.length > 1) mad[1] = MgmtClass.SubnAdm;
        // A transaction that is under way, but for one input in eight.
        if (
          mad.length === MAD_LENGTH && (mad[TRANSACTION_LOW + 3]! & 7) !== 7
        ) {
          const recent = state.sent.slice(-PENDING);
          const which = mad[TRANSACTION_LOW + 3]! % recent.length;
          view.setUint32(TRANSACTION_LOW, recent[which]!);
        }
        const before = state.answered + state.sent.length;
        state.client.onMad(
          mad,
          {
            lid: input.length % 16 === 15 ? 9 : SM_LID,
            qpn: GSI_QPN,
            qkey: GSI_QKEY,
            pkeyIndex: 0,
            sl: 0,
          },
          state.now,
        );
        const accepted = state.answered + state.sent.length > before;
        state.now += TURN_MS;
        state.client.tick(state.now);
        assert(state.client.pending <= PENDING, "requests pile up");
        if (state.sent.length > 64) state.sent.splice(0, 32);
        return accepted;
      },
      close() {
        state.client.flush(state.now);
        assertEquals(state.answered, state.asked, "each request ends once");
      },
    };
  },
};
