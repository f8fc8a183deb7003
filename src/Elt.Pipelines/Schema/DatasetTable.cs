using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Schema;

/// <summary>A column of a dataset's table.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Definition">Its type and rules, as in <c>create table</c>.</param>
/// <param name="IsDeclared">Whether the dataset brings it along; then the definition is the type alone.</param>
internal sealed record TableColumn(string Name, string Definition, bool IsDeclared = false)
{
    /// <summary>Columns that are written one a line.</summary>
    public static IEnumerable<TableColumn> Lines(string text) =>
        text.Split('\n').Select(line => line.Trim().Split(' ', 2)).Select(parts => new TableColumn(parts[0], parts[1]));

    /// <summary>Name and definition, as they stand in a statement.</summary>
    public string Text => $"{Dataset.Quote(Name)} {Definition}";
}

/// <summary>One table of a dataset, as it should be.</summary>
/// <param name="Name">Its name, without schema.</param>
/// <param name="Columns">Its columns in their order.</param>
/// <param name="Key">Columns of its key.</param>
internal sealed record DatasetTable(string Name, IReadOnlyList<TableColumn> Columns, IReadOnlyList<string> Key)
{
    /// <summary>Which of a record's versions is current: an index lets no other be so. Default <see langword="null"/>: there are no versions.</summary>
    public string? CurrentWhere { get; init; }

    /// <summary>What stands in the parentheses of <c>create table</c>.</summary>
    public string Body => $"{string.Join(",\n  ", Columns.Select(column => column.Text))},\n  primary key ({string.Join(", ", Key)})";

    /// <summary>
    /// The columns that a table lacks: those that a dataset's file, or the program, has got since. Columns that neither has any more stay with their values.
    /// </summary>
    /// <param name="found">Type by name of the columns there are.</param>
    /// <exception cref="SchemaException">A column holds another type than declared, or the table is none of a dataset.</exception>
    public IEnumerable<TableColumn> Missing(IReadOnlyDictionary<string, string> found)
    {
        if (Key.FirstOrDefault(column => !found.ContainsKey(column)) is { } lacking)
            throw new SchemaException($"the table '{Name}' is none of a dataset, since it has no column '{lacking}': name the dataset otherwise, or move the table away.");
        foreach (var column in Columns.Where(column => column.IsDeclared))
        {
            if (found.TryGetValue(column.Name, out var type) && type != column.Definition)
            {
                throw new SchemaException(
                    $"the column '{column.Name}' of the table '{Name}' is declared as {column.Definition}, and holds {type}. "
                    + "The type of a column is never changed: declare the new type under another name.");
            }
        }
        return Columns.Where(column => !found.ContainsKey(column.Name));
    }
}
