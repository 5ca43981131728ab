//! Columns and totals.

use curricle::{
    columns::{Column, ColumnKind, ColumnWriter, Columns, Condition, Provenance, Totals, Values, write_categories},
    streams::{Order, Stream},
};

use super::{edges, scratch};
use crate::noise;

/// A column: opened, asked, selected from, drawn from.
pub(super) fn column(data: &[u8]) {
    let path = scratch::file("column.arrow", data);
    let Ok(column) = Column::open(&path) else {
        assert!(!Column::is_column(&path) || Column::open(&path).is_err());
        return;
    };
    let n = column.len();
    let ids = edges(n);
    let mut values = Vec::new();
    column.values(&ids, &mut values).expect("values of samples that exist");
    for (id, value) in ids.iter().zip(&values) {
        assert_eq!(column.value(*id).map(f64::to_bits), Some(value.to_bits()), "two ways to ask for the value of sample {id}");
    }
    assert!(column.value(n).is_none() && column.values(&[n], &mut values).is_err());
    for q in [0.0, 0.3, 1.0, f64::NAN] {
        let _ = column.quantile(q);
    }
    for percent in [0, 37, 100, u32::MAX] {
        let _ = column.percentile(percent);
    }
    let _ = (column.identity(), column.category_name(0), column.category_name(u32::MAX), column.totals(), column.check("other", n));
    let whole = column.verify().is_ok();
    if whole && column.kind() == ColumnKind::Number {
        assert_eq!(column.quantile(0.0).ok(), Some(column.min()));
        assert_eq!(column.quantile(1.0).ok(), Some(column.max()));
    }
    let mut columns = Columns::new(n);
    columns.insert("c", column.clone()).expect("a column of as many samples");
    select(&columns, &column, whole);
}

fn select(columns: &Columns, column: &Column, whole: bool) {
    let name = || "c".to_owned();
    let middle = f64::midpoint(column.min(), column.max());
    let conditions = [
        vec![],
        vec![Condition::Between { column: name(), above: None, at_most: Some(middle) }],
        vec![Condition::Between { column: name(), above: Some(middle), at_most: Some(f64::INFINITY) }],
        vec![Condition::Quantiles { column: name(), from: 0.25, to: 0.75 }],
        vec![Condition::Category { column: name(), codes: vec![0, 1] }],
        vec![
            Condition::Between { column: name(), above: Some(column.min()), at_most: None },
            Condition::Quantiles { column: name(), from: 0.1, to: 0.9 },
        ],
    ];
    for conditions in &conditions {
        let Ok(selection) = columns.select(conditions) else { continue };
        assert!(!whole || columns.count(conditions).is_ok_and(|n| n == selection.len()));
        for order in [Order::Shuffled, Order::Independent, Order::Sequential, Order::Ascending(name())] {
            let Ok(mut stream) = Stream::new(1, "s", selection.clone(), &order, columns) else { continue };
            let mut drawn = Vec::new();
            stream.draw(40, &mut drawn);
            stream.set_position(u64::MAX);
            stream.draw(3, &mut drawn);
            assert!(drawn.len() == 43 && (!whole || drawn.iter().all(|id| *id < column.len())), "samples that do not exist were drawn");
        }
    }
}

/// A column of each type, and one of names.
pub(super) fn column_seeds() -> Vec<Vec<u8>> {
    let folder = scratch::folder("seeds");
    let mut seeds = Vec::new();
    for n in [1u64, 12, 300] {
        let value = |i: u64| (noise(i) % 50) as u32;
        let all = [
            Values::U32((0..n).map(value).collect()),
            Values::U64((0..n).map(|i| noise(i) >> (i % 60)).collect()),
            Values::F32((0..n).map(|i| value(i) as f32 / 8.0 - 2.0).collect()),
            Values::F64((0..n).map(|i| f64::from(value(i)).sqrt()).collect()),
        ];
        for values in all {
            let path = folder.join("seed.arrow");
            let mut writer = ColumnWriter::create(&path, values.value_type(), Provenance::of("0123456789abcdef", n)).expect("a column");
            writer.push(&values).expect("values");
            writer.finish().expect("a column");
            seeds.push(scratch::read(path));
        }
        let names: Vec<String> = ["code", "prose", "", "tables"].map(str::to_owned).to_vec();
        let path = folder.join("names.arrow");
        write_categories(&path, &names, (0..n).map(|i| value(i) % 4), Provenance::of("0123456789abcdef", n)).expect("a column");
        seeds.push(scratch::read(path));
    }
    seeds
}

/// Numbers about a dataset as a whole.
pub(super) fn totals(data: &[u8]) {
    let path = scratch::file("column.totals.arrow", data);
    if let Ok(totals) = Totals::open(&path) {
        assert!(totals.values().iter().all(|total| total.is_finite()));
        let _ = (totals.provenance(), totals.name());
    }
    let _ = (Totals::is_totals(&path), Column::is_column(&path));
}

pub(super) fn totals_seeds() -> Vec<Vec<u8>> {
    let path = scratch::folder("seeds").join("seed.totals.arrow");
    [vec![], vec![1.5], (0..40).map(|i| f64::from(i) - 7.5).collect()]
        .into_iter()
        .filter_map(|values| {
            Totals::write(&path, values, Provenance::of("0123456789abcdef", 9)).ok()?;
            Some(scratch::read(&path))
        })
        .chain(column_seeds().into_iter().take(1))
        .collect()
}
