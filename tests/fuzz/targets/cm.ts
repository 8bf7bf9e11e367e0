/** Fuzz target of CM messages that a connection manager receives while connections are in every state. */

import { assert, assertEquals } from "@std/assert";
import { CM_MESSAGE_OFFSET, CmAttribute } from "../../../src/wire/cm/cm_mad.ts";
import { CmMessage } from "../../../src/wire/cm/cm_message.ts";
import { RejectReason } from "../../../src/wire/cm/rej.ts";
import { gsiAddress, MAD_LENGTH, MgmtClass } from "../../../src/wire/mad.ts";
import {
  type Active,
  CmRig,
  type Host,
  type Passive,
  SERVICE,
} from "../../cm/rig.ts";
import { assertSameBytes, type FuzzTarget } from "./target.ts";

/** LID of the port that sends the inputs. */
const PEER = 1;
const OTHER = 9;
/** Minimum number of connections that this port is opening. */
const OPENING = 4;
/** Number of recent connections that inputs refer to. */
const RECENT = 16;
const TURN_MS = 40;
/** Longer than all timeouts of a connection together. */
const QUIET_MS = 300_000;

/** Offsets in the MAD. */
const LOCAL_COMM_ID = CM_MESSAGE_OFFSET;
const REMOTE_COMM_ID = CM_MESSAGE_OFFSET + 4;
const DREQ_QPN = CM_MESSAGE_OFFSET + 8;
const REQ_QPN = CM_MESSAGE_OFFSET + 32;
/** Low byte of the AttributeID. */
const ATTRIBUTE = 17;
/** Offset of the bytes of the private data that select what the target does with the input. */
const CHOICES = 250;

/** The two communication IDs of a connection, and the QPN at this end. */
interface Ids {
  readonly local: number;
  remote: number | undefined;
  readonly qpn: number;
}

class Session {
  readonly rig = new CmRig();
  readonly peer: Host = this.rig.host(PEER);
  readonly host: Host = this.rig.host(2);
  readonly opened: Active[] = [];
  readonly accepted: Passive[] = [];
  readonly #recent: Ids[] = [];
  #choice = 0;
  #renewed = 0;

  constructor() {
    // Only the inputs reach the manager.
    this.rig.fate = ({ message }) => {
      if (message && message.kind !== "unknown") this.#note(message);
      return [];
    };
    this.host.manager.listen(SERVICE, (request) => {
      if (this.#choice % 4 === 0) {
        request.reject(RejectReason.Consumer, new Uint8Array(4));
      } else if (this.#choice % 4 !== 1) {
        this.accepted.push(this.host.answer(request));
      }
    });
  }

  /** Notes the communication IDs of a message that the manager sends. */
  #note(message: CmMessage): void {
    const recent = this.#recent;
    if (message.kind === "req" || message.kind === "rep") {
      const { localCommId: local, localQpn: qpn } = message.body;
      const remote = message.kind === "rep"
        ? message.body.remoteCommId
        : undefined;
      if (recent.length === RECENT) recent.shift();
      recent.push({ local, remote, qpn });
    } else if (message.kind === "rtu") {
      const { localCommId, remoteCommId } = message.body;
      const ids = recent.find(({ local }) => local === localCommId);
      if (ids) ids.remote = remoteCommId;
    }
  }

  run(input: Uint8Array): boolean {
    this.#act(input[CHOICES] ?? 0);
    const mad = this.#addressed(input);
    this.#choice = mad[CHOICES + 1] ?? 0;
    const message = CmMessage.parse(mad);
    if (message && message.kind !== "unknown") {
      const again = CmMessage.emit(message);
      assertSameBytes(CmMessage.emit(CmMessage.parse(again) as never), again);
    }
    const dropped = this.#dropped;
    this.host.agent.onMad(
      mad,
      gsiAddress((mad[CHOICES + 2] ?? 0) % 32 === 31 ? OTHER : PEER),
    );
    const accepted = this.#dropped === dropped;
    this.rig.advance(TURN_MS);
    this.#trim();
    return accepted;
  }

  get #dropped(): number {
    return Object.entries(this.host.manager.counters())
      .filter(([name]) => name.startsWith("drop_"))
      .reduce((sum, [, count]) => sum + count, 0);
  }

  /** Opens connections, and ends some, as the consumer does. */
  #act(choice: number): void {
    const { host, peer, opened, accepted } = this;
    const opening =
      opened.filter(({ connection }) => connection.state === "req_sent").length;
    if (opening < OPENING) opened.push(host.connect(peer));
    const ends = [...opened, ...accepted];
    const { connection } = ends[choice % ends.length]!;
    if (choice >= 224) connection.disconnect();
    else if (choice >= 208) connection.noticeTraffic();
    else if (choice >= 200) connection.reject(RejectReason.Consumer);
  }

  /** Returns the input as a MAD of the class. Seven of eight inputs get the IDs of a recent connection, most REQs new ones. */
  #addressed(input: Uint8Array): Uint8Array {
    const mad = new Uint8Array(input.length < 24 ? input.length : MAD_LENGTH);
    mad.set(input.subarray(0, mad.length));
    // The agent passes only MADs of its class.
    if (mad.length > 1) mad[1] = MgmtClass.CommunicationManagement;
    const recent = this.#recent;
    const choice = mad[CHOICES + 3] ?? 7;
    if ((choice & 7) === 7 || recent.length === 0 || mad.length < MAD_LENGTH) {
      return mad;
    }
    const view = new DataView(mad.buffer);
    if (mad[ATTRIBUTE] === CmAttribute.Req) {
      if ((choice & 3) !== 3) this.#renew(view);
      return mad;
    }
    const { local, remote, qpn } = recent[choice % recent.length]!;
    view.setUint32(REMOTE_COMM_ID, local);
    if (remote !== undefined) view.setUint32(LOCAL_COMM_ID, remote);
    if (mad[ATTRIBUTE] === CmAttribute.Dreq && (choice & 0x78) !== 0x78) {
      view.setUint32(DREQ_QPN, qpn << 8);
    }
    return mad;
  }

  /** Gives a REQ another communication ID, and sometimes another QPN. */
  #renew(view: DataView): void {
    const id = ++this.#renewed;
    view.setUint32(LOCAL_COMM_ID, id);
    if (id % 4 > 0) view.setUint16(REQ_QPN + 1, id & 0xffff | 0x100);
  }

  /** Checks the connections that have ended, and forgets them. */
  #trim(): void {
    for (const list of [this.opened, this.accepted]) {
      if (list.length < 64) continue;
      const open = list.filter((each) => {
        assert(each.ends.length <= 1, "the end is reported once");
        return each.connection.state !== "closed";
      });
      list.length = 0;
      (list as unknown[]).push(...open);
    }
    this.rig.sent.length = 0;
  }

  close(): void {
    const { rig, host, peer, opened, accepted } = this;
    rig.advance(QUIET_MS);
    for (const { connection, ends } of [...opened, ...accepted]) {
      assert(ends.length <= 1, "the end is reported once");
      const { state } = connection;
      assert(state === "established" || state === "closed", state);
      connection.disconnect();
    }
    rig.advance(QUIET_MS);
    assertEquals(host.remembered, 0, "no connection is remembered");
    assertEquals(rig.reactor.armed, 0, "no timer is set");
    rig.fate = () => [1];
    this.#choice = 2;
    const { connection } = peer.connect(host);
    rig.advance(10);
    assertEquals(connection.state, "established");
  }
}

export const cmTarget: FuzzTarget = {
  name: "cm_message",
  kind: "bytes",
  inputsPerSession: 2000,
  fullMutations: 1_000_000,
  open: () => new Session(),
};
