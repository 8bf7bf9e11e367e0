/** Compares the struct layouts and constants of ffi/*_layout.ts with those of the C compiler. */

import { assertEquals } from "@std/assert";
import * as bpf from "../../ffi/bpf_layout.ts";
import * as umad from "../../ffi/umad_layout.ts";
import * as verbs from "../../ffi/verbs_layout.ts";
import { evaluate, skipReason } from "./evaluate.ts";

type Expressions<T> = { [K in keyof T]: string };

const at = (struct: string, member: string) =>
  `offsetof(struct ${struct}, ${member})`;
const size = (struct: string) => `sizeof(struct ${struct})`;

const ctx = (member: string) =>
  `(long)offsetof(struct verbs_context, ${member}) - (long)offsetof(struct verbs_context, context)`;

/** Offset of `active_speed_ex`, the 32-bit member after `port_cap_flags2`, which older headers do not have. */
const AFTER_CAP_FLAGS2 =
  "(offsetof(struct ibv_port_attr, port_cap_flags2) + 5) / 4 * 4";

/** The C expression of each constant. */
const expressions = {
  IbvDevice: { Name: at("ibv_device", "name") },
  IbvContext: {
    PollCq: at("ibv_context", "ops.poll_cq"),
    ReqNotifyCq: at("ibv_context", "ops.req_notify_cq"),
    PostSrqRecv: at("ibv_context", "ops.post_srq_recv"),
    PostSend: at("ibv_context", "ops.post_send"),
    PostRecv: at("ibv_context", "ops.post_recv"),
    AsyncFd: at("ibv_context", "async_fd"),
    AbiCompat: at("ibv_context", "abi_compat"),
    Size: size("ibv_context"),
  },
  VerbsContext: {
    Sz: ctx("sz"),
    ModifyCq: ctx("modify_cq"),
    QueryPort: ctx("query_port"),
  },
  IbvPortAttr: {
    State: at("ibv_port_attr", "state"),
    MaxMtu: at("ibv_port_attr", "max_mtu"),
    ActiveMtu: at("ibv_port_attr", "active_mtu"),
    PkeyTableLength: at("ibv_port_attr", "pkey_tbl_len"),
    Lid: at("ibv_port_attr", "lid"),
    SmLid: at("ibv_port_attr", "sm_lid"),
    Lmc: at("ibv_port_attr", "lmc"),
    SmSl: at("ibv_port_attr", "sm_sl"),
    ActiveWidth: at("ibv_port_attr", "active_width"),
    ActiveSpeed: at("ibv_port_attr", "active_speed"),
    PhysState: at("ibv_port_attr", "phys_state"),
    LinkLayer: at("ibv_port_attr", "link_layer"),
    Flags: at("ibv_port_attr", "flags"),
    ActiveSpeedEx: AFTER_CAP_FLAGS2,
    Size: `${AFTER_CAP_FLAGS2} + 4`,
  },
  IbvDeviceAttr: {
    CapabilityFlags: at("ibv_device_attr", "device_cap_flags"),
    MaxSrq: at("ibv_device_attr", "max_srq"),
    MaxSrqWr: at("ibv_device_attr", "max_srq_wr"),
    PortCount: at("ibv_device_attr", "phys_port_cnt"),
    Size: size("ibv_device_attr"),
  },
  IbvSge: {
    Address: at("ibv_sge", "addr"),
    Length: at("ibv_sge", "length"),
    Lkey: at("ibv_sge", "lkey"),
    Size: size("ibv_sge"),
  },
  IbvRecvWr: {
    WrId: at("ibv_recv_wr", "wr_id"),
    Next: at("ibv_recv_wr", "next"),
    SgList: at("ibv_recv_wr", "sg_list"),
    NumSge: at("ibv_recv_wr", "num_sge"),
    Size: size("ibv_recv_wr"),
  },
  IbvSendWr: {
    WrId: at("ibv_send_wr", "wr_id"),
    Next: at("ibv_send_wr", "next"),
    SgList: at("ibv_send_wr", "sg_list"),
    NumSge: at("ibv_send_wr", "num_sge"),
    Opcode: at("ibv_send_wr", "opcode"),
    SendFlags: at("ibv_send_wr", "send_flags"),
    Ah: at("ibv_send_wr", "wr.ud.ah"),
    RemoteQpn: at("ibv_send_wr", "wr.ud.remote_qpn"),
    RemoteQkey: at("ibv_send_wr", "wr.ud.remote_qkey"),
    Size: size("ibv_send_wr"),
  },
  IbvWc: {
    WrId: at("ibv_wc", "wr_id"),
    Status: at("ibv_wc", "status"),
    ByteLength: at("ibv_wc", "byte_len"),
    QpNum: at("ibv_wc", "qp_num"),
    SourceQpn: at("ibv_wc", "src_qp"),
    Flags: at("ibv_wc", "wc_flags"),
    SourceLid: at("ibv_wc", "slid"),
    Sl: at("ibv_wc", "sl"),
    PathBits: at("ibv_wc", "dlid_path_bits"),
    Size: size("ibv_wc"),
  },
  IbvAhAttr: {
    Dgid: at("ibv_ah_attr", "grh.dgid"),
    FlowLabel: at("ibv_ah_attr", "grh.flow_label"),
    SgidIndex: at("ibv_ah_attr", "grh.sgid_index"),
    HopLimit: at("ibv_ah_attr", "grh.hop_limit"),
    TrafficClass: at("ibv_ah_attr", "grh.traffic_class"),
    Dlid: at("ibv_ah_attr", "dlid"),
    Sl: at("ibv_ah_attr", "sl"),
    PathBits: at("ibv_ah_attr", "src_path_bits"),
    StaticRate: at("ibv_ah_attr", "static_rate"),
    IsGlobal: at("ibv_ah_attr", "is_global"),
    Port: at("ibv_ah_attr", "port_num"),
    Size: size("ibv_ah_attr"),
  },
  IbvQpInitAttr: {
    SendCq: at("ibv_qp_init_attr", "send_cq"),
    RecvCq: at("ibv_qp_init_attr", "recv_cq"),
    Srq: at("ibv_qp_init_attr", "srq"),
    MaxSendWr: at("ibv_qp_init_attr", "cap.max_send_wr"),
    MaxRecvWr: at("ibv_qp_init_attr", "cap.max_recv_wr"),
    MaxSendSge: at("ibv_qp_init_attr", "cap.max_send_sge"),
    MaxRecvSge: at("ibv_qp_init_attr", "cap.max_recv_sge"),
    QpType: at("ibv_qp_init_attr", "qp_type"),
    Size: size("ibv_qp_init_attr"),
  },
  IbvQpAttr: {
    State: at("ibv_qp_attr", "qp_state"),
    PathMtu: at("ibv_qp_attr", "path_mtu"),
    Qkey: at("ibv_qp_attr", "qkey"),
    RqPsn: at("ibv_qp_attr", "rq_psn"),
    SqPsn: at("ibv_qp_attr", "sq_psn"),
    DestQpn: at("ibv_qp_attr", "dest_qp_num"),
    AccessFlags: at("ibv_qp_attr", "qp_access_flags"),
    Path: at("ibv_qp_attr", "ah_attr"),
    PkeyIndex: at("ibv_qp_attr", "pkey_index"),
    MaxReads: at("ibv_qp_attr", "max_rd_atomic"),
    MaxDestReads: at("ibv_qp_attr", "max_dest_rd_atomic"),
    MinRnrTimer: at("ibv_qp_attr", "min_rnr_timer"),
    Port: at("ibv_qp_attr", "port_num"),
    Timeout: at("ibv_qp_attr", "timeout"),
    RetryCount: at("ibv_qp_attr", "retry_cnt"),
    RnrRetry: at("ibv_qp_attr", "rnr_retry"),
    Size: size("ibv_qp_attr"),
  },
  IbvSrqInitAttr: {
    MaxWr: at("ibv_srq_init_attr", "attr.max_wr"),
    MaxSge: at("ibv_srq_init_attr", "attr.max_sge"),
    Size: size("ibv_srq_init_attr"),
  },
  IbvQp: { QpNum: at("ibv_qp", "qp_num") },
  IbvCompChannel: { Fd: at("ibv_comp_channel", "fd") },
  IbvMr: { Lkey: at("ibv_mr", "lkey") },
  IbvModifyCqAttr: {
    Mask: at("ibv_modify_cq_attr", "attr_mask"),
    Count: at("ibv_modify_cq_attr", "moderate.cq_count"),
    Period: at("ibv_modify_cq_attr", "moderate.cq_period"),
    Size: size("ibv_modify_cq_attr"),
  },
  IbvAsyncEvent: {
    Element: at("ibv_async_event", "element"),
    Type: at("ibv_async_event", "event_type"),
    Size: size("ibv_async_event"),
  },
  Ibv: {
    LINK_LAYER_ETHERNET: "IBV_LINK_LAYER_ETHERNET",
    QPF_GRH_REQUIRED: "IBV_QPF_GRH_REQUIRED",
    QPT_RC: "IBV_QPT_RC",
    QPT_UD: "IBV_QPT_UD",
    QPS_RESET: "IBV_QPS_RESET",
    QPS_INIT: "IBV_QPS_INIT",
    QPS_RTR: "IBV_QPS_RTR",
    QPS_RTS: "IBV_QPS_RTS",
    QPS_ERR: "IBV_QPS_ERR",
    QP_STATE: "IBV_QP_STATE",
    QP_ACCESS_FLAGS: "IBV_QP_ACCESS_FLAGS",
    QP_PKEY_INDEX: "IBV_QP_PKEY_INDEX",
    QP_PORT: "IBV_QP_PORT",
    QP_QKEY: "IBV_QP_QKEY",
    QP_AV: "IBV_QP_AV",
    QP_PATH_MTU: "IBV_QP_PATH_MTU",
    QP_TIMEOUT: "IBV_QP_TIMEOUT",
    QP_RETRY_CNT: "IBV_QP_RETRY_CNT",
    QP_RNR_RETRY: "IBV_QP_RNR_RETRY",
    QP_RQ_PSN: "IBV_QP_RQ_PSN",
    QP_MAX_QP_RD_ATOMIC: "IBV_QP_MAX_QP_RD_ATOMIC",
    QP_MIN_RNR_TIMER: "IBV_QP_MIN_RNR_TIMER",
    QP_SQ_PSN: "IBV_QP_SQ_PSN",
    QP_MAX_DEST_RD_ATOMIC: "IBV_QP_MAX_DEST_RD_ATOMIC",
    QP_DEST_QPN: "IBV_QP_DEST_QPN",
    WR_SEND: "IBV_WR_SEND",
    SEND_SIGNALED: "IBV_SEND_SIGNALED",
    ACCESS_LOCAL_WRITE: "IBV_ACCESS_LOCAL_WRITE",
    WC_SUCCESS: "IBV_WC_SUCCESS",
    WC_WR_FLUSH_ERR: "IBV_WC_WR_FLUSH_ERR",
    WC_REM_INV_REQ_ERR: "IBV_WC_REM_INV_REQ_ERR",
    WC_REM_ACCESS_ERR: "IBV_WC_REM_ACCESS_ERR",
    WC_REM_OP_ERR: "IBV_WC_REM_OP_ERR",
    WC_RETRY_EXC_ERR: "IBV_WC_RETRY_EXC_ERR",
    WC_RNR_RETRY_EXC_ERR: "IBV_WC_RNR_RETRY_EXC_ERR",
    WC_REM_ABORT_ERR: "IBV_WC_REM_ABORT_ERR",
    WC_GRH: "IBV_WC_GRH",
    WC_IP_CSUM_OK: "IBV_WC_IP_CSUM_OK",
    DEVICE_UD_IP_CSUM: "IBV_DEVICE_UD_IP_CSUM",
    CQ_ATTR_MODERATE: "IBV_CQ_ATTR_MODERATE",
    EVENT_QP_FATAL: "IBV_EVENT_QP_FATAL",
    EVENT_QP_REQ_ERR: "IBV_EVENT_QP_REQ_ERR",
    EVENT_QP_ACCESS_ERR: "IBV_EVENT_QP_ACCESS_ERR",
    EVENT_DEVICE_FATAL: "IBV_EVENT_DEVICE_FATAL",
    EVENT_PORT_ACTIVE: "IBV_EVENT_PORT_ACTIVE",
    EVENT_PORT_ERR: "IBV_EVENT_PORT_ERR",
    EVENT_LID_CHANGE: "IBV_EVENT_LID_CHANGE",
    EVENT_PKEY_CHANGE: "IBV_EVENT_PKEY_CHANGE",
    EVENT_SM_CHANGE: "IBV_EVENT_SM_CHANGE",
    EVENT_SRQ_ERR: "IBV_EVENT_SRQ_ERR",
    EVENT_QP_LAST_WQE_REACHED: "IBV_EVENT_QP_LAST_WQE_REACHED",
    EVENT_CLIENT_REREGISTER: "IBV_EVENT_CLIENT_REREGISTER",
    EVENT_GID_CHANGE: "IBV_EVENT_GID_CHANGE",
  },
} satisfies { [K in keyof typeof verbs]: Expressions<typeof verbs[K]> };

const umadExpressions = {
  UserMad: {
    Status: at("ib_user_mad", "status"),
    Qpn: at("ib_user_mad", "addr.qpn"),
    Qkey: at("ib_user_mad", "addr.qkey"),
    Lid: at("ib_user_mad", "addr.lid"),
    Sl: at("ib_user_mad", "addr.sl"),
    PathBits: at("ib_user_mad", "addr.path_bits"),
    GrhPresent: at("ib_user_mad", "addr.grh_present"),
    GidIndex: at("ib_user_mad", "addr.gid_index"),
    HopLimit: at("ib_user_mad", "addr.hop_limit"),
    TrafficClass: at("ib_user_mad", "addr.traffic_class"),
    Gid: at("ib_user_mad", "addr.gid"),
    FlowLabel: at("ib_user_mad", "addr.flow_label"),
    PkeyIndex: at("ib_user_mad", "addr.pkey_index"),
    Data: at("ib_user_mad", "data"),
  },
} satisfies { [K in keyof typeof umad]: Expressions<typeof umad[K]> };

const attribute = (member: string) => `offsetof(union bpf_attr, ${member})`;

const bpfExpressions = {
  BpfProgLoad: {
    ProgType: attribute("prog_type"),
    InsnCount: attribute("insn_cnt"),
    Insns: attribute("insns"),
    License: attribute("license"),
    LogLevel: attribute("log_level"),
    LogSize: attribute("log_size"),
    LogBuffer: attribute("log_buf"),
    ProgName: attribute("prog_name"),
  },
  BpfLinkCreate: {
    ProgFd: attribute("link_create.prog_fd"),
    TargetIfindex: attribute("link_create.target_ifindex"),
    AttachType: attribute("link_create.attach_type"),
    Flags: attribute("link_create.flags"),
  },
  BpfProgQuery: {
    TargetIfindex: attribute("query.target_fd"),
    AttachType: attribute("query.attach_type"),
  },
  BpfMapCreate: {
    MapType: attribute("map_type"),
    KeySize: attribute("key_size"),
    ValueSize: attribute("value_size"),
    MaxEntries: attribute("max_entries"),
    MapName: attribute("map_name"),
  },
  BpfMapElem: {
    MapFd: attribute("map_fd"),
    Key: attribute("key"),
    Value: attribute("value"),
  },
  BpfSkBuff: { Protocol: at("__sk_buff", "protocol") },
  Bpf: {
    MAP_CREATE: "BPF_MAP_CREATE",
    MAP_LOOKUP_ELEM: "BPF_MAP_LOOKUP_ELEM",
    PROG_LOAD: "BPF_PROG_LOAD",
    PROG_QUERY: "BPF_PROG_QUERY",
    LINK_CREATE: "BPF_LINK_CREATE",
    PROG_TYPE_SCHED_CLS: "BPF_PROG_TYPE_SCHED_CLS",
    FUNC_SKB_STORE_BYTES: "BPF_FUNC_skb_store_bytes",
    MAP_TYPE_ARRAY: "BPF_MAP_TYPE_ARRAY",
    PSEUDO_MAP_VALUE: "BPF_PSEUDO_MAP_VALUE",
    PSEUDO_KFUNC_CALL: "BPF_PSEUDO_KFUNC_CALL",
  },
} satisfies { [K in keyof typeof bpf]: Expressions<typeof bpf[K]> };

function flatten<T>(table: Record<string, Record<string, T>>): Map<string, T> {
  return new Map(
    Object.entries(table).flatMap(([struct, members]) =>
      Object.entries(members).map(([member, value]) =>
        [`${struct}.${member}`, value] as const
      )
    ),
  );
}

const layouts = [
  {
    library: "libibverbs",
    header: "infiniband/verbs.h",
    table: expressions,
    ours: { ...verbs },
  },
  {
    library: "libibumad",
    header: "infiniband/umad.h",
    table: umadExpressions,
    ours: { ...umad },
  },
  {
    library: "bpf(2)",
    header: "linux/bpf.h",
    table: bpfExpressions,
    ours: { ...bpf },
  },
];

for (const { library, header, table, ours } of layouts) {
  const reason = skipReason(header);
  Deno.test({
    name: `the layouts of ${library} match its header${reason}`,
    ignore: reason !== "",
    fn: async () => {
      const expected = await evaluate(header, flatten<string>(table));
      assertEquals(Object.fromEntries(flatten<number>(ours)), expected);
    },
  });
}
