/** The operators' API of acknowledgements that came on their own way. */
import { ACKNOWLEDGEMENT_STATES, AcknowledgementPage } from "../domain/operations/views-acknowledgements.ts";
import { closed, given, key, listOf, maybe, name, oneOf, type Route, span, uuidPaging } from "./route.ts";

export const ACKNOWLEDGEMENT_ROUTES: readonly Route[] = [
  {
    id: "listAcknowledgements",
    method: "GET",
    right: "look",
    path: "/acknowledgements",
    zh: "另行到达的回写确认：早到、迟到、重复、矛盾、对不上的都在此，最新的在前",
    en: "Acknowledgements that came on their own way: early, late, duplicate, differing and unexpected ones, newest first",
    query: closed({ key, state: maybe(oneOf(ACKNOWLEDGEMENT_STATES)), destination: maybe(name), ...span, ...uuidPaging }),
    answer: AcknowledgementPage,
    handle: async (operations, { query }) => {
      const filter = listOf(query);
      return filter.ok ? operations.acknowledgements.list({ ...filter.value, ...given(query, "state", "destination") }) : filter;
    },
  },
];
