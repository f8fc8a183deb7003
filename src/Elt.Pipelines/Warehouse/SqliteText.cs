using Elt.Pipelines.Changes.Text;
using Microsoft.Data.Sqlite;

namespace Elt.Pipelines.Warehouse;

/// <summary>Brings the comparison of texts into SQLite.</summary>
internal static class SqliteText
{
    /// <summary>Adds the function <c>same_text(a, b)</c>, <see cref="CanonicalText.AreSame"/>, to a connection; statements that compare texts call it.</summary>
    public static void Register(SqliteConnection connection) =>
        connection.CreateFunction<string?, string?, bool>("same_text", CanonicalText.AreSame, isDeterministic: true);
}
