/** Requests that the recording sends to OpenSM, in an order in which later requests find the groups of earlier ones. */

import { addAdministratorRequests } from "./requests/administrator.ts";
import { addCreations } from "./requests/creations.ts";
import { addGroupPathRequests } from "./requests/group_paths.ts";
import { addGroupQueries } from "./requests/group_queries.ts";
import { addJoins } from "./requests/joins.ts";
import { addLeaves } from "./requests/leaves.ts";
import { addMemberQueries } from "./requests/member_queries.ts";
import { addPathRequests } from "./requests/paths.ts";
import { addPortRecordRequests } from "./requests/port_records.ts";
import { type Request, requestList } from "./requests/request_list.ts";
import { addSubscriptions } from "./requests/subscriptions.ts";

/** Returns all requests. Their names are unique. */
export function requests(): Request[] {
  const requests = requestList();
  addAdministratorRequests(requests);
  addPathRequests(requests);
  addJoins(requests);
  addCreations(requests);
  addGroupQueries(requests);
  addGroupPathRequests(requests);
  addMemberQueries(requests);
  addLeaves(requests);
  addSubscriptions(requests);
  addPortRecordRequests(requests);
  return requests.list;
}
