// How varied a sample is, in JavaScript: the share of its tokens that are distinct.

import { distinct } from "curricle";

export default class Distinct {
  static values = "float32";

  measure(samples) {
    return samples.map((tokens) => (tokens.length > 0 ? distinct(tokens).size / tokens.length : 0));
  }
}
