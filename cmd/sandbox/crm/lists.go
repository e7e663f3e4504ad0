package crm

// place is where leads live. The country is invented.
type place struct {
	city, region, area string
	distance           float64 // median km to a showroom
}

var places = []place{
	{"Aubrac-sur-Lys", "north", "urban", 6},
	{"Brüssow", "north", "suburban", 14},
	{"Château-Noir", "north", "rural", 38},
	{"Port d'Ys", "west", "urban", 8},
	{"Kerval", "west", "suburban", 17},
	{"Saint-Loup", "west", "rural", 45},
	{"Montclar", "south", "urban", 7},
	{"Peñalba", "south", "suburban", 21},
	{"Olivères", "south", "rural", 52},
	{"Łęczna Nowa", "east", "urban", 9},
	{"Rosheim-le-Haut", "east", "suburban", 19},
	{"Waldau", "east", "rural", 41},
	{"Grandville", "centre", "urban", 4},
	{"Grandville-Est", "centre", "suburban", 9},
	{"Beaulieu", "centre", "suburban", 13},
}

// island is where few live.
var island = place{"Île-aux-Vents", "islands", "rural", 140}

var firstNames = []string{
	"Ada", "Amélie", "Anselm", "Bao", "Björn", "Carla", "Chidi", "Dariusz", "Deborah", "Elif", "Emre", "Fatou", "Félix",
	"Greta", "Hana", "Hugo", "Ines", "Ivo", "Jonas", "Joséphine", "Kofi", "Lena", "Luca", "Łukasz", "Maëlle", "Marek",
	"Nadia", "Noor", "Oskar", "Paola", "Quentin", "Rosa", "Samir", "Sofía", "Théo", "Uma", "Viktor", "Wanda",
	"Yasmin", "Zoë",
}

var lastNames = []string{
	"Adeyemi", "Albrecht", "Barbier", "Bianchi", "Castro", "Da Silva", "De Vries", "Diallo", "Dubois", "Ekström",
	"Fischer", "Gallo", "García", "Haddad", "Horvat", "Ivanova", "Jensen", "Kaya", "Keller", "Kowalczyk", "Lefèvre",
	"Lindqvist", "Marin", "Mbeki", "Moreau", "Nguyễn", "Novák", "O'Brien", "O'Connor", "Okafor", "Papadopoulos", "Petit",
	"Rossi", "Sánchez", "Schäfer", "Şahin", "Tanaka", "Van den Berg", "Weiss", "Zieliński",
}

var (
	companies = []string{" & Co", " Transports", " Bâtiment", " \"Fleet\" Services", " SARL", " Taxi"}
	reps      = []string{
		"Alice Fournier", "Bruno Keita", "Céline Marchetti", "Dragan Petrov", "Eva O'Neill", "Farid Benali", "Gwen Le Goff",
	}
	wishes = []string{
		", low mileage", " (7 seats!)", ", \"like new\"", " 🚗", ", budget ~ 20k €", ", rouge s'il vous plaît",
	}
	unknowns = []string{"n/a", "unknown", "?", "-", "test"}
	notes    = []string{
		"asked for a \"final\" price", "call back after 18h", "très intéressé 👍", "compares with a rival's offer",
		"can't decide", "wants to trade in; papers ok", "s'est trompé d'agence", "wrong number?",
		"100% happy w/ test drive", "ça dépend du prêt",
	}
)

var (
	brands = []option{
		{"renault", 16}, {"peugeot", 15}, {"volkswagen", 13}, {"toyota", 11}, {"dacia", 9}, {"citroën", 8}, {"ford", 7},
		{"hyundai", 5}, {"kia", 5}, {"škoda", 4}, {"bmw", 3}, {"tesla", 2}, {"volvo", 1.5}, {"alfa romeo", 0.4},
		{"lancia", 0.1},
	}
	bodies = []option{
		{"suv", 36}, {"hatchback", 30}, {"estate", 14}, {"saloon", 10}, {"van", 7}, {"convertible", 2}, {"pickup", 1},
	}
	fuels   = []option{{"petrol", 40}, {"diesel", 22}, {"hybrid", 21}, {"electric", 15}, {"lpg", 1.8}, {"hydrogen", 0.2}}
	devices = []option{{"mobile", 58}, {"desktop", 33}, {"tablet", 8}, {"smart tv", 0.4}, {"console", 0.1}}
	sources = []option{
		{"search", 33}, {"paid search", 18}, {"marketplace", 16}, {"social", 12}, {"direct", 11}, {"referral", 6},
		{"radio", 0.5},
	}
	coldPages = []option{{"listing", 30}, {"home", 12}, {"blog", 8}, {"about", 2}, {"careers", 0.2}}
	hotPages  = []option{{"finance", 45}, {"showroom", 35}, {"trade_in", 20}}
)

// Categories that begin late in the history.
const (
	lateSource = "assistant"
	lateFuel   = "e-fuel"
)

// How much is going on at each hour, UTC, and on each day of the week from Sunday, on the web site and in the showroom.
var (
	webHours = [24]float64{
		3, 2, 1, 1, 1, 1.5, 3, 5, 6, 6, 6, 6.5, 8, 7, 6, 6, 6.5, 7.5, 9, 11, 12, 11, 8, 5,
	}
	officeHours = [24]float64{8: 2, 9: 6, 10: 8, 11: 8, 12: 3, 13: 4, 14: 8, 15: 8, 16: 9, 17: 8, 18: 3}
	webWeek     = [7]float64{1.25, 1, 0.95, 0.9, 0.9, 0.9, 1.1}
	officeWeek  = [7]float64{0.05, 1, 1, 1, 1, 1.1, 1.6}
)
