/** The results of posting a packet to a UD or RC queue pair. */

/** Results of `UdQp.post` and `RcQp.post`. */
export const PostResult = {
  /** The packet was accepted: it was sent, or the HCA queues it until the peer has credit. */
  Sent: 0,
  /** The peer or the path no longer exists; the slot was released. */
  Unreachable: 1,
  /** The message exceeds the port's MTU and is not a large send; the slot was released. */
  TooLong: 2,
  /** The peer holds its share of the slots and is too slow or has stopped; the slot was released. */
  NoCredit: 3,
  /** The port, the queue pair or the address handle is not ready to send; the slot was released. */
  NotReady: 4,
  /** The virtio header, or the headers of a large send, are invalid; the slot was released. */
  Malformed: 5,
} as const;
export type PostResult = typeof PostResult[keyof typeof PostResult];
