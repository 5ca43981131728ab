// {{summary}}.

export default class {{Name}} {
  configure(config) {
    this.open = config.open ?? 8;
  }

  pack(lengths, capacity, maxSamples = lengths.length) {
    const rows = [];
    return lengths.map((length) => {
      const hasRoom = (row) => row.tokens + length <= capacity && row.samples < maxSamples;
      let place = Math.max(rows.length - this.open, 0);
      while (place < rows.length && !hasRoom(rows[place])) place++;
      if (place === rows.length) rows.push({ tokens: 0, samples: 0 });
      rows[place].tokens += length;
      rows[place].samples += 1;
      return place;
    });
  }
}
