using System.Text.Json;
using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Datasets;

/// <summary>A dataset, for who wants to look.</summary>
/// <param name="Name">Its name, which begins the names of its tables.</param>
/// <param name="Key">What identifies a record at its source.</param>
/// <param name="Columns">Name and type of its columns, in the order of the tables.</param>
public sealed record DatasetDescription(string Name, string Key, IReadOnlyList<(string Name, string Type)> Columns)
{
    internal static DatasetDescription Of(Dataset dataset) => new(
        dataset.Name, dataset.Key, [.. dataset.Columns.Select(column => (column.Name, JsonNamingPolicy.CamelCase.ConvertName(column.Kind.ToString())))]);
}
