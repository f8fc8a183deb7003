using Elt.Pipelines.Warehouse;

namespace Elt.Pipelines.Datasets;

/// <summary>The datasets there are: the built-in <c>users</c>, and those that the files of a folder declare.</summary>
internal sealed class DatasetLibrary
{
    // All that is named after a dataset, in the warehouse and in destinations.
    private static readonly string[] Suffixes =
        ["", "_staging", "_cdc", "_latest", "_history", "_history_current", "_quarantine", "_missing", "_tombstones", "_changes", "_incoming"];

    private readonly Dictionary<string, Dataset> _datasets = new(StringComparer.Ordinal);

    /// <param name="folder">A folder of declarations, <c>name.json</c>; default none.</param>
    /// <exception cref="FormatException">A declaration cannot be used.</exception>
    public DatasetLibrary(string? folder = null)
        : this(Dataset.Users)
    {
        if (folder is null)
            return;
        foreach (var file in Directory.EnumerateFiles(folder, "*.json").Where(file => !file.EndsWith(".schema.json", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            Add(DatasetDeclaration.Parse(File.ReadAllText(file), file), file);
    }

    private DatasetLibrary(Dataset dataset) => Add(dataset, "the program");

    /// <summary>Names of the datasets, the built-in one first.</summary>
    public IEnumerable<string> Names => _datasets.Keys;

    /// <summary>The datasets, the built-in one first.</summary>
    public IReadOnlyCollection<Dataset> All => _datasets.Values;

    /// <summary>A library of one dataset.</summary>
    public static implicit operator DatasetLibrary(Dataset dataset) => new(dataset);

    /// <summary>The dataset of a name, or <see langword="null"/>.</summary>
    public Dataset? Find(string name) => _datasets.GetValueOrDefault(name);

    /// <summary>The dataset of a name that was declared once.</summary>
    /// <exception cref="RunStateException">It is not declared any more.</exception>
    public Dataset Get(string name) => Find(name) ?? throw new RunStateException(
        $"The dataset '{name}' is not declared any more: put {name}.json back into the folder of datasets and start again.");

    private void Add(Dataset dataset, string file)
    {
        foreach (var other in _datasets.Values)
        {
            var both = Tables(dataset).Intersect(Tables(other), StringComparer.Ordinal).FirstOrDefault();
            if (both is not null)
                throw new FormatException($"{file}, $.name: the table '{both}' of '{dataset.Name}' would be one of the dataset '{other.Name}' as well; choose another name.");
        }
        _datasets.Add(dataset.Name, dataset);
    }

    private static IEnumerable<string> Tables(Dataset dataset) => Suffixes.Select(suffix => dataset.Name + suffix);
}
