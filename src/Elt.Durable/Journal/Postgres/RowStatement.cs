using Npgsql;
using NpgsqlTypes;

namespace Elt.Durable.Journal.Postgres;

/// <summary>A column of the rows that a statement is given.</summary>
/// <param name="Name">Its name in the statement.</param>
/// <param name="Type">The type of its values.</param>
/// <param name="Values">Its values for these rows: an array.</param>
/// <param name="Usual">The value that it mostly has, as a literal; <see langword="null"/> when there is none.</param>
/// <param name="IsUsual">Whether a row has that value.</param>
internal sealed record Column<T>(string Name, NpgsqlDbType Type, Func<List<T>, NpgsqlParameter> Values, string? Usual = null, Predicate<T>? IsUsual = null)
{
    private string TypeName => Type switch
    {
        NpgsqlDbType.TimestampTz => "timestamptz",
        _ => Type.ToString().ToLowerInvariant(),
    };

    /// <summary>The values of the parameter with this number, a row each.</summary>
    public string Rows(int parameter) => $"unnest(${parameter}::{TypeName}[]) as {Name}";

    /// <summary>The usual value in each row.</summary>
    public string UsualRows() => $"{Usual}::{TypeName} as {Name}";
}

/// <summary>
/// A statement over rows, an array for each column. It has two texts: most commits have nothing but usual values in all columns that know one, and leave out these
/// columns and what the statement does with others. Each column costs something per statement and per row, each subquery when the statement starts.
/// </summary>
internal sealed class RowStatement<T>
{
    private readonly Column<T>[] _columns;
    private readonly Column<T>[] _differing;
    private readonly string _full;
    private readonly string _plain;

    /// <param name="firstParameter">Number of the parameter that has the first column; those before are for other things.</param>
    /// <param name="text">Makes the text from the query that gives the rows, and whether all their values are usual.</param>
    /// <param name="columns">The columns.</param>
    public RowStatement(int firstParameter, Func<string, bool, string> text, params Column<T>[] columns)
    {
        _columns = columns;
        _differing = [.. columns.Where(c => c.Usual is null)];
        _full = text($"select {string.Join(", ", columns.Select((c, i) => c.Rows(firstParameter + i)))}", false);
        _plain = text(
            $"select {string.Join(", ", _differing.Select((c, i) => c.Rows(firstParameter + i)).Concat(columns.Except(_differing).Select(c => c.UsualRows())))}", true);
    }

    /// <summary>The text for these rows, and their columns as its parameters.</summary>
    public (string Text, NpgsqlParameter[] Columns) For(List<T> rows)
    {
        var isPlain = Array.TrueForAll(_columns, c => c.IsUsual is null || rows.TrueForAll(c.IsUsual));
        return (isPlain ? _plain : _full, Array.ConvertAll(isPlain ? _differing : _columns, c => c.Values(rows)));
    }
}
