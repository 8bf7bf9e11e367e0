// SPDX-License-Identifier: GPL-2.0
/**
 * Makes the driver `rxe_ib` from the kernel's soft RoCE driver: `edit.ts FOLDER`. Edits the sources in the folder
 * (`drivers/infiniband/sw/rxe` of Linux 6.1) and copies the files of `driver/` into it. Removes RoCE's link layer, IP
 * and UDP; the new files implement the InfiniBand link layer.
 *
 * Throws an Error with the name of the place if the sources differ from the expected ones.
 */

import { CSource } from "../c_source.ts";

const [folder] = Deno.args;
if (folder === undefined) {
  throw new Error("Cannot edit without a folder; usage: edit.ts FOLDER");
}

/** Condition that depends on the IP version. */
const IF_IPV4 = "if (skb->protocol == htons(ETH_P_IP))";

function edit(name: string, change: (source: CSource) => void): void {
  const path = `${folder}/${name}`;
  const source = new CSource(name, Deno.readTextFileSync(path));
  change(source);
  Deno.writeTextFileSync(path, source.text);
}

edit("rxe.h", (source) => {
  source.all.after('#include "rxe_loc.h"', '\n#include "rxeib.h"');
});

edit("rxe_hdr.h", (source) => source.setMacro("RXE_MAX_HDR_LENGTH", "(100)"));

edit("rxe_param.h", (source) => {
  source.setEnumerator("RXE_PORT_GID_TBL_LEN", "8");
  source.setEnumerator("RXE_PORT_SUBNET_TIMEOUT", "18");
  source.setEnumerator("RXE_PORT_ACTIVE_WIDTH", "IB_WIDTH_4X");
  source.setEnumerator("RXE_PORT_PKEY_TBL_LEN", "16");
});

edit("rxe_verbs.h", (source) => {
  source.all.after('#include "rxe_task.h"', '\n#include "rxeib_types.h"');
  source.struct("rxe_qp").append("\tbool\t\t\tlast_wqe_reported;\n");
  source.struct("rxe_mcg").append("\tu16\t\t\tmlid;\n");
  source.struct("rxe_port").append(
    "\tu16\t\t\tpkeys[RXE_PORT_PKEY_TBL_LEN];\n",
  );
  source.struct("rxe_dev").append("\tstruct rxeib_link\tlink;\n");
});

edit("rxe.c", (source) => {
  source.all.replace(
    '"Soft RDMA transport"',
    '"Soft RDMA transport with an InfiniBand link layer"',
  );
  // The new files have only this license.
  source.all.replace('"Dual BSD/GPL"', '"GPL"');
  source.all.replace('RDMA_LINK("rxe")', 'RDMA_LINK("rxeib")');
  source.variable("rxe_link_ops").replace('"rxe"', '"rxeib"');
  source.function("rxe_init_ports").before(
    "spin_lock_init",
    "rxeib_init_port(rxe);\n\t",
  );
  source.dropFunction("rxe_set_mtu");
});

edit("rxe_av.c", (source) => {
  source.dropFunction("rxe_init_av");
  source.dropFunction("rxe_av_chk_attr");
  source.dropFunction("rxe_av_from_attr");
  source.dropFunction("rxe_av_to_attr");
  source.dropFunction("rxe_av_fill_ip_info");
});

edit("rxe_icrc.c", (source) => {
  source.export("rxe_crc32");
  source.dropFunction("rxe_icrc_hdr");
  source.function("rxe_icrc_check").before(
    "icrcp = (",
    "if (rxeib_icrc_is_off())\n\t\treturn 0;\n\n\t",
  );
  source.function("rxe_icrc_generate").before(
    "icrcp = (",
    "if (rxeib_icrc_left_out(pkt))\n\t\treturn;\n\n\t",
  );
});

edit("rxe_mcast.c", (source) => {
  // Every port receives every group (rxeib_multicast.c).
  source.setBody("rxe_mcast_add", "\treturn 0;\n");
  source.setBody("rxe_mcast_del", "\treturn 0;\n");
  source.function("rxe_attach_mcast").before(
    "err = rxe_attach_mcg",
    "mcg->mlid = mlid;\n\t",
  );
});

edit("rxe_net.c", (source) => {
  source.all.replace("static struct rxe_recv_sockets recv_sockets;\n", "");
  source.dropFunctions("rxe_find_route4", "rxe_skb_tx_dtor");
  source.function("rxe_send")
    .before(
      "skb->destructor",
      "if (!rxeib_may_send(skb, pkt))\n\t\treturn 0;\n\n\t",
    )
    .replaceUpTo(
      IF_IPV4,
      "if (unlikely(",
      "err = rxeib_xmit(skb, pkt);\n\n\t",
    );
  source.export("rxe_loopback");
  source.function("rxe_loopback")
    .replaceUpTo(
      IF_IPV4,
      "if (WARN_ON(",
      "skb_pull(skb, pkt->hdr - skb->data);\n\n\t",
    )
    .replaceUpTo("/* remove udp header */", "rxe_rcv(", "");
  source.dropFunction("rxe_init_packet");
  source.export("rxe_port_event");
  source.dropFunctions("rxe_net_ipv4_init", "rxe_net_exit");
  source.setBody(
    "rxe_net_exit",
    "\trxeib_wire_exit();\n\tunregister_netdevice_notifier(&rxe_net_notifier);\n",
  );
  source.setBody(
    "rxe_net_init",
    `	int err = register_netdevice_notifier(&rxe_net_notifier);

	if (!err)
		rxeib_wire_init();
	return err;
`,
  );
});

edit("rxe_qp.c", (source) => {
  source.function("rxe_qp_reset").before(
    "qp->resp.sent_psn_nak",
    "qp->last_wqe_reported = false;\n\t",
  );
});

edit("rxe_recv.c", (source) => {
  source.function("check_keys").replace(
    "pkey_match(pkey, IB_DEFAULT_PKEY_FULL)",
    "rxeib_match_pkey(rxe, pkt, qp, qpn, pkey)",
  );
  source.function("check_addr")
    .replaceUpTo("struct sk_buff *skb", "if (qp_type", "")
    .replaceUpTo(
      IF_IPV4,
      "return 0;\n}",
      "if (!rxeib_from_peer(qp, pkt))\n\t\treturn -EINVAL;\n\n\t",
    );
  source.function("rxe_rcv_mcast_pkt")
    .replaceUpTo(
      IF_IPV4,
      "/* lookup",
      "memcpy(&dgid, &rxeib_grh(pkt)->dgid, sizeof(dgid));\n\n\t",
    )
    .before(
      "spin_lock_bh",
      `if (!rxeib_accepts_group(rxe, pkt, mcg)) {
		kref_put(&mcg->ref_cnt, rxe_cleanup_mcg);
		goto drop;
	}

	`,
    );
  source.dropFunction("rxe_chk_dgid");
  source.function("rxe_rcv")
    .replace("rxe_chk_dgid(rxe, skb) < 0", "!rxeib_to_us(rxe, pkt)")
    .after("RXE_CNT_RCVD_PKTS);", "\n\trxeib_learn_joins(rxe, pkt);");
});

edit("rxe_req.c", (source) => {
  source.function("init_req_packet")
    .replace(
      "qp_type(qp) != IB_QPT_UD && qp_type(qp) != IB_QPT_UC",
      "qp_type(qp) == IB_QPT_RC",
    )
    .replace("IB_DEFAULT_PKEY_FULL", "rxeib_send_pkey(qp, ibwr)")
    .replace("ibwr->wr.ud.remote_qkey", "rxeib_send_qkey(qp, ibwr)");
});

edit("rxe_resp.c", (source) => {
  source.function("check_resource").before(
    "if (qp->resp.state",
    "rxeib_last_wqe(qp);\n\n\t",
  );
  source.function("prepare_ack_packet").replace(
    "IB_DEFAULT_PKEY_FULL",
    "rxeib_pkey(rxe, qp->attr.pkey_index)",
  );
  source.function("execute")
    .replaceUpTo("struct sk_buff *skb", "union", "")
    .replaceUpTo(
      IF_IPV4,
      "if (err)",
      "rxeib_copy_grh(pkt, &hdr);\n\t\t\terr = send_data_in(qp, &hdr, sizeof(hdr));\n\t\t\t",
    );
  source.function("do_complete")
    .replace("uwc->wc_flags = IB_WC_GRH", "rxeib_user_completion(uwc, pkt)")
    .replaceUpTo(
      "struct sk_buff *skb",
      "if (pkt->mask & RXE_IMMDT",
      "rxeib_kernel_completion(wc, pkt);\n\n\t\t\t",
    );
});

edit("rxe_verbs.c", (source) => {
  source.function("rxe_query_port").replaceUpTo(
    "rc = ib_get_eth_speed",
    "if (attr->state",
    "rc = 0;\n\n\t",
  );
  source.dropFunction("rxe_query_pkey");
  source.function("rxe_get_link_layer")
    .replace("LAYER_ETHERNET", "LAYER_INFINIBAND");
  source.function("rxe_port_immutable")
    .replace("RDMA_CORE_PORT_IBA_ROCE_UDP_ENCAP", "rxeib_port_caps()");
  source.function("rxe_modify_qp")
    .replaceUpTo("if ((mask & IB_QP_AV)", "return 0;\n}", "");
  source.variable("rxe_dev_attributes").after(
    "&dev_attr_parent.attr,",
    "\n\tRXEIB_ATTRIBUTES,",
  );
  source.variable("rxe_dev_ops").before(
    ".query_pkey",
    ".query_gid = rxe_query_gid,\n\t",
  );
  source.function("rxe_register_device").replace('"rxe"', '"rxe_ib"');
});

const own = new URL("driver/", import.meta.url);
for (const { name } of Deno.readDirSync(own)) {
  Deno.copyFileSync(new URL(name, own), `${folder}/${name}`);
}
