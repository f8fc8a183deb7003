namespace Elt.Pipelines.Warehouse;

/// <summary>How a column of a dataset is kept.</summary>
internal enum ColumnKind
{
    /// <summary>Text as it came.</summary>
    Text,

    /// <summary>Canonical JSON of all members that have no column of their own.</summary>
    RemainingMembers,
}

/// <summary>A tracked column of a dataset; every column may be NULL.</summary>
/// <param name="Name">Name of the column and of the source's member.</param>
/// <param name="Kind">How it is kept.</param>
internal sealed record DatasetColumn(string Name, ColumnKind Kind = ColumnKind.Text);

/// <summary>
/// A kind of record that pipelines carry. Its tables are <c>name_staging</c>, <c>name_cdc</c> and <c>name_latest</c>; the statements on
/// them are made in <see cref="DatasetSql"/>.
/// </summary>
/// <param name="Name">Plural, lower case; begins the names of its tables.</param>
/// <param name="Columns">What is tracked for changes, in the order of the tables' columns.</param>
internal sealed record Dataset(string Name, IReadOnlyList<DatasetColumn> Columns)
{
    /// <summary>The built-in dataset: users of a directory.</summary>
    public static Dataset Users { get; } = new(
        "users", [new DatasetColumn("name"), new DatasetColumn("email"), new DatasetColumn("attributes", ColumnKind.RemainingMembers)]);

    /// <summary>The one place that quotes the names that a dataset brings along; for SQLite and Postgres alike.</summary>
    public static string Quote(string identifier) => Elt.Durable.Ledger.PostgresIdentifier.Quote(identifier);

    /// <summary>The columns' names, quoted, each put through a format such as <c>"excluded.{0}"</c>, joined.</summary>
    public string Each(string format, string separator = ", ") =>
        string.Join(separator, Columns.Select(column => string.Format(System.Globalization.CultureInfo.InvariantCulture, format, Quote(column.Name))));
}
