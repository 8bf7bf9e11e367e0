/**
 * Field offsets and sizes in bytes of libibverbs' structs (rdma-core's `infiniband/verbs.h`, 64-bit, little-endian).
 *
 * `tests/ffi/layout_test.ts` compares each value with the C compiler's where the headers are installed.
 */

import { contextEnd } from "./context_end.ts";

/** `struct ibv_device`. */
export const IbvDevice = { Name: 24 } as const;

/** `struct ibv_context`, including the function pointers of its `struct ibv_context_ops`. */
export const IbvContext = {
  PollCq: 96,
  ReqNotifyCq: 104,
  PostSrqRecv: 168,
  PostSend: 208,
  PostRecv: 216,
  AsyncFd: 268,
  ...contextEnd(Deno.build.arch),
} as const;

/** `struct verbs_context`. The offsets are from the start of the `ibv_context` that it contains. */
export const VerbsContext = {
  Sz: -8,
  ModifyCq: -184,
  QueryPort: -320,
} as const;

/** `struct ibv_port_attr`. In older libraries it ends before `active_speed_ex`. */
export const IbvPortAttr = {
  State: 0,
  MaxMtu: 4,
  ActiveMtu: 8,
  PkeyTableLength: 32,
  Lid: 34,
  SmLid: 36,
  Lmc: 38,
  SmSl: 40,
  ActiveWidth: 43,
  ActiveSpeed: 44,
  PhysState: 45,
  LinkLayer: 46,
  Flags: 47,
  ActiveSpeedEx: 52,
  Size: 56,
} as const;

/** `struct ibv_device_attr`. */
export const IbvDeviceAttr = {
  CapabilityFlags: 116,
  MaxSrq: 212,
  MaxSrqWr: 216,
  PortCount: 227,
  Size: 232,
} as const;

/** `struct ibv_sge`. */
export const IbvSge = { Address: 0, Length: 8, Lkey: 12, Size: 16 } as const;

/** `struct ibv_recv_wr`. */
export const IbvRecvWr = {
  WrId: 0,
  Next: 8,
  SgList: 16,
  NumSge: 24,
  Size: 32,
} as const;

/** `struct ibv_send_wr`. */
export const IbvSendWr = {
  WrId: 0,
  Next: 8,
  SgList: 16,
  NumSge: 24,
  Opcode: 28,
  SendFlags: 32,
  Ah: 40,
  RemoteQpn: 48,
  RemoteQkey: 52,
  Size: 128,
} as const;

/** `struct ibv_wc`. */
export const IbvWc = {
  WrId: 0,
  Status: 8,
  ByteLength: 20,
  QpNum: 28,
  SourceQpn: 32,
  Flags: 36,
  SourceLid: 42,
  Sl: 44,
  PathBits: 45,
  Size: 48,
} as const;

/** `struct ibv_ah_attr`. */
export const IbvAhAttr = {
  Dgid: 0,
  FlowLabel: 16,
  SgidIndex: 20,
  HopLimit: 21,
  TrafficClass: 22,
  Dlid: 24,
  Sl: 26,
  PathBits: 27,
  StaticRate: 28,
  IsGlobal: 29,
  Port: 30,
  Size: 32,
} as const;

/** `struct ibv_qp_init_attr`. */
export const IbvQpInitAttr = {
  SendCq: 8,
  RecvCq: 16,
  Srq: 24,
  MaxSendWr: 32,
  MaxRecvWr: 36,
  MaxSendSge: 40,
  MaxRecvSge: 44,
  QpType: 52,
  Size: 64,
} as const;

/** `struct ibv_qp_attr`. */
export const IbvQpAttr = {
  State: 0,
  PathMtu: 8,
  Qkey: 16,
  RqPsn: 20,
  SqPsn: 24,
  DestQpn: 28,
  AccessFlags: 32,
  Path: 56,
  PkeyIndex: 120,
  MaxReads: 126,
  MaxDestReads: 127,
  MinRnrTimer: 128,
  Port: 129,
  Timeout: 130,
  RetryCount: 131,
  RnrRetry: 132,
  Size: 144,
} as const;

/** `struct ibv_srq_init_attr`. */
export const IbvSrqInitAttr = { MaxWr: 8, MaxSge: 12, Size: 24 } as const;

/** `struct ibv_qp`, `struct ibv_comp_channel`, `struct ibv_mr`. */
export const IbvQp = { QpNum: 52 } as const;
export const IbvCompChannel = { Fd: 8 } as const;
export const IbvMr = { Lkey: 36 } as const;

/** `struct ibv_modify_cq_attr`. */
export const IbvModifyCqAttr = {
  Mask: 0,
  Count: 4,
  Period: 6,
  Size: 8,
} as const;

/** `struct ibv_async_event`. */
export const IbvAsyncEvent = { Element: 0, Type: 8, Size: 16 } as const;

/** Enumeration values and flags, by the names of `verbs.h` without `IBV_`. */
export const Ibv = {
  LINK_LAYER_ETHERNET: 2,
  QPF_GRH_REQUIRED: 1 << 0,
  QPT_RC: 2,
  QPT_UD: 4,
  QPS_RESET: 0,
  QPS_INIT: 1,
  QPS_RTR: 2,
  QPS_RTS: 3,
  QPS_ERR: 6,
  QP_STATE: 1 << 0,
  QP_ACCESS_FLAGS: 1 << 3,
  QP_PKEY_INDEX: 1 << 4,
  QP_PORT: 1 << 5,
  QP_QKEY: 1 << 6,
  QP_AV: 1 << 7,
  QP_PATH_MTU: 1 << 8,
  QP_TIMEOUT: 1 << 9,
  QP_RETRY_CNT: 1 << 10,
  QP_RNR_RETRY: 1 << 11,
  QP_RQ_PSN: 1 << 12,
  QP_MAX_QP_RD_ATOMIC: 1 << 13,
  QP_MIN_RNR_TIMER: 1 << 15,
  QP_SQ_PSN: 1 << 16,
  QP_MAX_DEST_RD_ATOMIC: 1 << 17,
  QP_DEST_QPN: 1 << 20,
  WR_SEND: 2,
  SEND_SIGNALED: 1 << 1,
  ACCESS_LOCAL_WRITE: 1,
  WC_SUCCESS: 0,
  WC_WR_FLUSH_ERR: 5,
  WC_REM_INV_REQ_ERR: 9,
  WC_REM_ACCESS_ERR: 10,
  WC_REM_OP_ERR: 11,
  WC_RETRY_EXC_ERR: 12,
  WC_RNR_RETRY_EXC_ERR: 13,
  WC_REM_ABORT_ERR: 16,
  WC_GRH: 1 << 0,
  WC_IP_CSUM_OK: 1 << 2,
  DEVICE_UD_IP_CSUM: 1 << 18,
  CQ_ATTR_MODERATE: 1 << 0,
  EVENT_QP_FATAL: 1,
  EVENT_QP_REQ_ERR: 2,
  EVENT_QP_ACCESS_ERR: 3,
  EVENT_DEVICE_FATAL: 8,
  EVENT_PORT_ACTIVE: 9,
  EVENT_PORT_ERR: 10,
  EVENT_LID_CHANGE: 11,
  EVENT_PKEY_CHANGE: 12,
  EVENT_SM_CHANGE: 13,
  EVENT_SRQ_ERR: 14,
  EVENT_QP_LAST_WQE_REACHED: 16,
  EVENT_CLIENT_REREGISTER: 17,
  EVENT_GID_CHANGE: 18,
} as const;
