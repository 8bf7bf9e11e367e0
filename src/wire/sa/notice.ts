/**
 * Notice, 80 bytes: the attribute of a Report (IBTA vol. 1 13.4.8.2; traps: 14.2.5.1).
 *
 * | offset | bytes  | field                          |
 * |--------|--------|--------------------------------|
 * | 0      | 1      | IsGeneric (bit 7), Type        |
 * | 1      | 3      | ProducerType                   |
 * | 4      | 2      | TrapNumber                     |
 * | 6      | 2      | IssuerLID                      |
 * | 8      | 2      | Toggle (bit 15), Count         |
 * | 10     | 54     | details                        |
 * | 64     | 16     | IssuerGID                      |
 *
 * The details of traps 64 to 67 are six reserved bytes and a GID, at offset 16 of the notice.
 */

/** Traps for GIDs and multicast groups. */
export const TrapNumber = {
  GidInService: 64,
  GidOutOfService: 65,
  McGroupCreated: 66,
  McGroupDeleted: 67,
} as const;

/** Notice type "subnet management". */
const SUBNET_MANAGEMENT = 3;
/** ProducerType of the subnet administrator: a class manager. */
const PRODUCER_CLASS_MANAGER = 4;

const LENGTH = 80;
const DETAILS = 10;
const DETAILS_LENGTH = 54;
/** Offset of the GID of traps 64 to 67 in the details. */
const GID_IN_DETAILS = 6;

/** A notice. */
export interface Notice {
  isGeneric: boolean;
  /** 7 bits. */
  type: number;
  producerType: number;
  trapNumber: number;
  issuerLid: number;
  toggle: boolean;
  /** 15 bits. */
  count: number;
  /** 54 bytes. */
  details: Uint8Array;
  /** 16 bytes. */
  issuerGid: Uint8Array;
}

export const Notice = {
  /** Returns the notice of a trap 64 to 67 for `gid`. */
  aboutGid(
    trapNumber: number,
    gid: Uint8Array,
    issuerLid: number,
    issuerGid: Uint8Array,
  ): Notice {
    const details = new Uint8Array(DETAILS_LENGTH);
    details.set(gid, GID_IN_DETAILS);
    return {
      isGeneric: true,
      type: SUBNET_MANAGEMENT,
      producerType: PRODUCER_CLASS_MANAGER,
      trapNumber,
      issuerLid,
      toggle: false,
      count: 0,
      details,
      issuerGid,
    };
  },

  /** Returns the notice's 80 bytes. */
  emit(notice: Notice): Uint8Array {
    const data = new Uint8Array(LENGTH);
    const view = new DataView(data.buffer);
    view.setUint32(
      0,
      (notice.isGeneric ? 0x80000000 : 0) | (notice.type & 0x7f) << 24 |
        notice.producerType & 0xffffff,
    );
    view.setUint16(4, notice.trapNumber);
    view.setUint16(6, notice.issuerLid);
    view.setUint16(8, (notice.toggle ? 0x8000 : 0) | notice.count & 0x7fff);
    data.set(notice.details, DETAILS);
    data.set(notice.issuerGid, 64);
    return data;
  },
};
